import pytest

from runbook.page import Block, Bullets, Code, Fixed, Page, Section, Table, escape, markdown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("users.oauth_id", "users.oauth_id"),
        ("a | b", r"a \| b"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("[click](https://evil.example)", r"\[click\](https\://evil.example)"),
        ("WWW.evil.example, ann@evil.example", r"WWW\.evil.example, ann\@evil.example"),
        ("&#x202e;&lt;b> a & b", r"\&#x202e;\&lt;b\> a & b"),
        ("\x1b[31mred\u202e\u2028\x00", r"\\x1b\[31mred\\u202e\\u2028\\x00"),
        ("https://ann:secret@host/", r"https\://\*\*\*@host/"),
        ("*bold* _soft_ `code`", r"\*bold\* \_soft\_ \`code\`"),
        ("two\nlines\r\n", "two lines"),
        ("1.85 GB", "1.85 GB"),
        (Code("a`b|c"), r"`a'b\|c`"),
        (Code(""), ""),
    ],
)
def test_a_text_shows_as_it_is(text: str, written: str) -> None:
    assert escape(text) == written


@pytest.mark.parametrize(
    ("text", "written"), [("# no title", r"\# no title"), ("1. no list", r"1\. no list"), ("-", r"\-")]
)
def test_a_line_begins_nothing(text: str, written: str) -> None:
    assert markdown(Page("v", [text], [])) == f"# v\n\n{written}\n"


def test_a_page_in_markdown() -> None:
    blocks: list[Block] = [
        Bullets(["a", "b"], numbered=True),
        Table(("x", "n"), [("a|b", "1")], right=(1,)),
        Fixed(["```"]),
    ]
    assert markdown(Page("Fine", ["lead"], [Section("Part", blocks)])) == (
        "# Fine\n\nlead\n\n## Part\n\n1. a\n2. b\n\n| x | n |\n| --- | ---: |\n| a\\|b | 1 |\n\n````text\n```\n````\n"
    )
