"""What the public is shown: pages and documents, a file a sort of them."""
