import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artifact_manager import (
    ArtifactUri,
    AssetUri,
    BadUri,
    FederatedUri,
    FileUri,
    HttpsUri,
    NoRepository,
    RepositoryUri,
    Uri,
    digest_of,
    parse_uri,
)

HEX = "0123456789abcdef" * 4

GOOD: dict[str, Uri] = {
    "mrepo:/keyboard/next-word": RepositoryUri("keyboard/next-word"),
    "mrepo:/words?version=1.2.3": RepositoryUri("words", "1.2.3"),
    "mrepo:/words?version=stable": RepositoryUri("words", "stable"),
    f"https://models.example:8443/a/b.plan?x=1#sha256={HEX}": HttpsUri("https://models.example:8443/a/b.plan?x=1", HEX),
    f"file:words.infer.plan#sha256={HEX}": FileUri("words.infer.plan", HEX),
    f"file:My%20Model/A~1.plan#sha256={HEX}": FileUri("My%20Model/A~1.plan", HEX),
    f"asset:words#sha256={HEX}": AssetUri("words", HEX),
    "federated:/com.example/words": FederatedUri("com.example/words"),
    "artifact:/words-session/params": ArtifactUri("words-session", "params"),
}


@pytest.mark.parametrize("text", GOOD)
def test_uris_and_back(text: str) -> None:
    parsed = parse_uri(text)
    assert parsed == GOOD[text]
    assert str(parsed) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "mrepo:, https:, file:"),
        ("words.plan", "no known scheme"),
        ("http://models.example/x", "no known scheme"),
        ("/home/user/x.plan", "no known scheme"),
        ("mrepo:words", "mrepo:/NAME/PATH"),
        ("mrepo:/", "a-z"),
        ("mrepo:/Words", "a-z"),
        ("mrepo:/a//b", "a-z"),
        ("mrepo:/a/../b", r"no '\.\.'"),
        ("mrepo:/a..b", r"no '\.\.'"),
        ("mrepo:/.hidden", "a-z"),
        ("mrepo:/a?version=", r"\?version="),
        ("mrepo:/a?v=1.0.0", r"\?version="),
        ("mrepo:/a?version=../x", r"\?version="),
        ("https://models.example/x", "#sha256="),
        (f"https://user:pw@models.example/x#sha256={HEX}", "without user or password"),
        (f"https:/x#sha256={HEX}", "https://HOST/PATH"),
        (f"https://h/a b#sha256={HEX}", "https://HOST/PATH"),
        ("file:x", "#sha256="),
        ("file:x#sha256=abc", "64 hexadecimal"),
        (f"file:x#sha256={HEX.upper()}", "64 hexadecimal"),
        (f"file:x#md5={HEX}", "#sha256="),
        (f"file:/etc/passwd#sha256={HEX}", "relative"),
        (f"file:a/../b#sha256={HEX}", "relative"),
        (f"file:./a#sha256={HEX}", "relative"),
        (f"asset:#sha256={HEX}", "relative"),
        (f"file:a%2#sha256={HEX}", "percent-encoded"),
        (f"file:{'a' * 300}#sha256={HEX}", "relative"),
        ("federated:/", "federated:/POPULATION"),
        ("artifact:/session", "exactly these two"),
        ("artifact:/a/b/c", "exactly these two"),
        ("artifact:/a/b#c", "a-z"),
        ("artifact:a/b", "artifact:/SESSION/NAME"),
        ("artifact:/a/b\n", "a-z"),
        ("mrepo:/" + "a" * 3000, "at most 2048"),
    ],
)
def test_malformed_uris_tell_what_to_write(text: str, complaint: str) -> None:
    with pytest.raises(BadUri, match=complaint) as refused:
        parse_uri(text)
    assert len(str(refused.value)) < 400


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True).filter(lambda name: ".." not in name)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
labels = st.from_regex(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,20}", fullmatch=True)
uris = st.one_of(
    st.builds(RepositoryUri, paths, st.one_of(st.just(""), st.just("2.10.0"), names)),
    st.builds(FileUri, labels, st.just(HEX)),
    st.builds(AssetUri, labels, st.just(HEX)),
    st.builds(FederatedUri, paths),
    st.builds(ArtifactUri, names, names),
)


@given(uris)
def test_every_uri_survives_its_text(uri: Uri) -> None:
    assert parse_uri(str(uri)) == uri


schemes = st.sampled_from(["mrepo:/", "https://", "file:", "asset:", "federated:/", "artifact:/", ""])
alphabets = st.one_of(st.text(max_size=60), st.text("abc./-_?#=%:@1 \\\n\0", max_size=60))


@given(schemes, alphabets, st.sampled_from(["", f"#sha256={HEX}"]))
@example("artifact:/", "a/..", "")
@example("file:", "..", f"#sha256={HEX}")
def test_any_text_is_refused_or_harmless(scheme: str, rest: str, end: str) -> None:
    text = scheme + rest + end
    with contextlib.suppress(BadUri):
        parsed = parse_uri(text)
        assert str(parsed) == text
        path = text.partition(":")[2].partition("#")[0].partition("?")[0]
        if not isinstance(parsed, HttpsUri):
            assert not {"", ".", ".."} & set(path.strip("/").split("/"))
        assert not any(character.isspace() or character in "\\\0" for character in text)


def test_digests_of_what_was_handed_over() -> None:
    assert digest_of(f"file:x#sha256={HEX}") == HEX
    assert digest_of(f"asset:x#sha256={HEX}") == HEX


@pytest.mark.parametrize("uri", ["mrepo:/words", f"https://models.example/x#sha256={HEX}", "federated:/words"])
def test_sources_that_are_not_configured(uri: str) -> None:
    with pytest.raises(NoRepository, match="configured") as refused:
        digest_of(uri)
    assert refused.value.status == "FAILED_PRECONDITION"


def test_a_plan_is_not_mutable() -> None:
    with pytest.raises(BadUri, match="no mutable artifact"):
        digest_of("artifact:/a/b")
