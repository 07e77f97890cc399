"""What search engines are told: where they may look, and which pages there are.

Pages with somebody's result have no address of their own, so none can be listed.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

from lookup.phrases import LANGUAGES

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML = "http://www.w3.org/1999/xhtml"
PAGES = ("/", "/live", "/api")
"""The pages that no kind changes."""
TONGUES = {"zh": "zh-CN", "en": "en"}


def robots(site_url: str) -> bytes:
    """The rules for robots: pages, not the API. The sitemap where its address is known."""
    lines = ["User-agent: *", "Disallow: /api/", "Disallow: /live/events"]
    if site_url:
        lines.append(f"Sitemap: {site_url}/sitemap.xml")
    return ("\n".join(lines) + "\n").encode()


def sitemap(site_url: str, pages: Iterable[str]) -> bytes:
    """`PAGES` and the other `pages`, in every language."""
    root = Element("urlset", {"xmlns": SITEMAP, "xmlns:xhtml": XHTML})
    for path in (*PAGES, *pages):
        addresses = {each: f"{site_url}{path}?lang={each}" for each in LANGUAGES}
        for language in LANGUAGES:
            url = SubElement(root, "url")
            SubElement(url, "loc").text = addresses[language]
            for other, address in addresses.items():
                link = {"rel": "alternate", "hreflang": TONGUES[other], "href": address}
                SubElement(url, "xhtml:link", link)
    written: bytes = tostring(root, "utf-8", xml_declaration=True)
    return written
