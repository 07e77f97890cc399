"""Programs that ask, as the API page shows them; tests/test_door.py runs them."""

import json
from collections.abc import Mapping
from string import Template

CURL = Template(
    """\
curl $url \\
  -H 'Content-Type: application/json' \\
  -d '$body'"""
)
PYTHON = Template(
    """\
import base64, hashlib, json, time, urllib.error, urllib.request

URL = "$url"
FIELDS = $body


def solve(challenge):
    for number in range(challenge["maxnumber"] + 1):
        text = challenge["salt"] + str(number)
        if hashlib.sha256(text.encode()).hexdigest() == challenge["challenge"]:
            solution = json.dumps(challenge | {"number": number})
            return base64.b64encode(solution.encode()).decode()


def ask(url, fields):
    headers = {"Content-Type": "application/json"}
    while True:
        body = json.dumps(fields).encode()
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            if problem["code"] == "challenge_required":
                headers["X-Altcha-Solution"] = solve(problem["challenge"])
            elif problem["code"] in ("try_later", "busy", "unavailable"):
                time.sleep(int(error.headers["Retry-After"]))
            else:
                return problem


print(ask(URL, FIELDS))"""
)


def curl(url: str, fields: Mapping[str, str]) -> str:
    """A command that asks for one record."""
    return CURL.substitute(url=url, body=json.dumps(fields, ensure_ascii=False))


def python(url: str, fields: Mapping[str, str]) -> str:
    """A program that asks for one record, solves challenges and waits where it must."""
    return PYTHON.substitute(url=url, body=json.dumps(fields, ensure_ascii=False))
