"""What a record's page shows, as data: arranged by the kind, with no words but the kind's own."""
