"""An archive is tampered with in every way there is; each is found and named."""

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from restoredrill.errors import EvidenceUnfit
from restoredrill.evidence import statements
from restoredrill.evidence.signing import Signer, Trusted, sign
from restoredrill.evidence.verifying import Found, verify
from restoredrill.model import Report, Verdict
from tests.evidence import vaults
from tests.evidence.vaults import KEY, OTHER_PRIVATE, OTHER_PUBLIC, PUBLIC, at, identity, write

Bodies = dict[str, bytes]
DRILL = identity(at(2, 5))
REPORT = f"drills/{DRILL}/report.json"
SIGNED = f"drills/{DRILL}/report.dsse.json"
BACKUP = f"backups/{identity(at(2, 5, 1))}/manifest.json"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evidence") / "good.zip"
    write(vaults.good(), path)
    return path


def unpacked(path: Path) -> Bodies:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(bodies: Bodies, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in bodies.items():
            file.writestr(name, body)
    return path


def indexed(bodies: Bodies, key: Signer | None = None) -> Bodies:
    """With an index that fits: what somebody does who knows how this works. Signed anew, if he has a key."""
    files = {
        name: {"sha256": statements.sha256(body), "size_bytes": len(body)}
        for name, body in bodies.items()
        if not name.startswith("index.")
    }
    index = json.dumps({**json.loads(bodies["index.json"]), "files": files}).encode()
    made = {**bodies, "index.json": index}
    if key is not None:
        made["index.dsse.json"] = key.envelope(statements.of_archive("index.json", index, {}))
    return made


def checked(path: Path, *pems: str) -> Found:
    return verify(path, Trusted((pem, "given") for pem in pems) if pems else None)


def better(body: bytes) -> bytes:
    return body.replace(b'"verdict": "passed"', b'"verdict": "failed"')


def test_a_good_one_holds(archive: Path) -> None:
    found = checked(archive, PUBLIC)
    assert (found.problems, found.doubts, found.unsigned) == ([], [], [])
    assert found.reports == found.signed == 24
    assert found.files == len(unpacked(archive)) - 2


def test_packed_again_by_another_tool_it_holds(archive: Path, tmp_path: Path) -> None:
    found = checked(packed(unpacked(archive), tmp_path / "e.zip"), PUBLIC)
    assert found.problems == []


def test_without_a_key_from_outside_it_is_not_proven(archive: Path) -> None:
    found = checked(archive)
    assert found.problems == []
    assert found.signed == 24
    assert ["the only key is the one in the archive" in doubt for doubt in found.doubts] == [True]


def test_somebody_elses_archive_in_itself_is_fine_and_under_our_key_is_not(tmp_path: Path) -> None:
    """Why the key must come from outside."""
    forger = Signer(OTHER_PRIVATE)
    files: vaults.Files = {}
    vaults.put_drill(files, at(2, 5), vaults.put_backup(files, at(2, 5, 1)), key=forger)
    write(files, tmp_path / "e.zip", key=forger)
    assert checked(tmp_path / "e.zip").problems == []
    problems = checked(tmp_path / "e.zip", PUBLIC).problems
    assert any(problem.startswith("index.dsse.json: signed by") for problem in problems)
    assert any(problem.startswith(f"{SIGNED}: signed by") for problem in problems)


def test_reports_of_an_older_key_hold_if_both_are_given(tmp_path: Path) -> None:
    files: vaults.Files = {}
    vaults.put_drill(files, at(2, 5), vaults.put_backup(files, at(2, 5, 1)), key=Signer(OTHER_PRIVATE))
    vaults.put_drill(files, at(2, 6), vaults.put_backup(files, at(2, 6, 1)))
    write(files, tmp_path / "e.zip")
    assert checked(tmp_path / "e.zip", PUBLIC, OTHER_PUBLIC).problems == []
    assert len(checked(tmp_path / "e.zip", PUBLIC).problems) == 1


def _alter(bodies: Bodies) -> Bodies:
    return {**bodies, REPORT: better(bodies[REPORT])}


def _drop_signature(bodies: Bodies) -> Bodies:
    return {name: body for name, body in bodies.items() if name != SIGNED}


TAMPERED: dict[str, tuple[Callable[[Bodies], Bodies], str]] = {
    "a report altered": (_alter, f"{REPORT}: altered"),
    "a report made longer": (lambda b: {**b, REPORT: b[REPORT] + b" "}, f"{REPORT}: altered: it is longer"),
    "a report gone": (lambda b: {n: v for n, v in b.items() if n != REPORT}, f"{REPORT}: missing"),
    "a signature gone": (_drop_signature, f"{SIGNED}: missing"),
    "a manifest altered": (lambda b: {**b, BACKUP: b[BACKUP][:-1] + b" "}, f"{BACKUP}: altered"),
    "the summary altered": (lambda b: {**b, "summary.html": b"<p>fine"}, "summary.html: altered"),
    "the coverage altered": (lambda b: {**b, "coverage.json": b"{}"}, "coverage.json: altered"),
    "something extra": (lambda b: {**b, "drills/x/report.json": b"{}"}, "drills/x/report.json: extra"),
    "something with a path out": (lambda b: {**b, "../../etc/cron.d/x": b""}, "../../etc/cron.d/x: extra"),
    "no index": (lambda b: {n: v for n, v in b.items() if n != "index.json"}, "index.json: missing"),
    "an index that is none": (lambda b: {**b, "index.json": b"[]"}, "index.json: missing, or can't be read"),
    "an index that fits what was altered": (
        lambda b: indexed(_alter(b)),
        "index.json: altered: the signature",
    ),
    "the index signed by somebody else": (
        lambda b: indexed(_alter(b), Signer(OTHER_PRIVATE)),
        "index.dsse.json: signed by",
    ),
    "the signature under the index gone": (
        lambda b: {n: v for n, v in b.items() if n != "index.dsse.json"},
        "index.dsse.json: missing: the archive is not signed",
    ),
    "a report's signature under the index": (
        lambda b: {**b, "index.dsse.json": b[SIGNED]},
        "index.dsse.json: it is a statement of another kind",
    ),
    "rubbish under the index": (lambda b: {**b, "index.dsse.json": b"{}"}, "index.dsse.json: it is no DSSE"),
    "no key and nothing else": (lambda b: {**b, "public-key.pem": b"x"}, "public-key.pem: altered"),
}


@pytest.mark.parametrize(("tamper", "problem"), TAMPERED.values(), ids=TAMPERED)
def test_what_was_done_is_found(
    archive: Path, tmp_path: Path, tamper: Callable[[Bodies], Bodies], problem: str
) -> None:
    found = checked(packed(tamper(unpacked(archive)), tmp_path / "e.zip"), PUBLIC)
    assert any(said.startswith(problem) for said in found.problems), found.problems


def _other_drills_signature(bodies: Bodies) -> Bodies:
    return {**bodies, SIGNED: bodies[f"drills/{identity(at(2, 12))}/report.dsse.json"]}


def _other_manifest(bodies: Bodies) -> Bodies:
    return {**bodies, BACKUP: bodies[BACKUP].replace(b'"database": "shop"', b'"database":  "shop"')}


def _says_something_else(bodies: Bodies) -> Bodies:
    """A statement with the right digests, and a predicate that is not the report's."""
    signed = json.loads(statements.of_drill(bodies[REPORT], None))
    signed["predicate"]["verdict"] = "failed"
    return {**bodies, SIGNED: KEY.envelope(json.dumps(signed).encode())}


def _unlisted(bodies: Bodies) -> Bodies:
    told = Report.model_validate_json(bodies[REPORT]).model_copy(update={"drill": identity(at(2, 6))})
    body = told.to_json().encode()
    folder = f"drills/{told.drill}"
    return {**bodies, f"{folder}/report.json": body, f"{folder}/report.dsse.json": sign(body, None, KEY)}


INSIDE: dict[str, tuple[Callable[[Bodies], Bodies], str]] = {
    "a report altered": (_alter, f"{SIGNED}: wrong: it is the signature of another report"),
    "the signature of another drill": (_other_drills_signature, f"{SIGNED}: wrong: it is the signature of"),
    "another manifest": (_other_manifest, f"{SIGNED}: wrong: {BACKUP} is not the manifest"),
    "a statement that says something else": (_says_something_else, f"{SIGNED}: wrong: it does not say"),
    "a signature that is none": (lambda b: {**b, SIGNED: b"{"}, f"{SIGNED}: it is no DSSE envelope"),
    "a report that the overview does not name": (_unlisted, f"drills/{identity(at(2, 6))}/report.json: cov"),
    "a report less than the overview names": (
        lambda b: {n: v for n, v in b.items() if n not in (REPORT, SIGNED)},
        f"{REPORT}: coverage.json names it, it is not there",
    ),
}


@pytest.mark.parametrize(("tamper", "problem"), INSIDE.values(), ids=INSIDE)
def test_a_vault_that_was_tampered_with_before_is_found_under_a_good_index(
    archive: Path, tmp_path: Path, tamper: Callable[[Bodies], Bodies], problem: str
) -> None:
    """The index fits and is signed by the right key; what lies in the archive contradicts itself."""
    bodies = indexed(tamper(unpacked(archive)), KEY)
    found = checked(packed(bodies, tmp_path / "e.zip"), PUBLIC)
    assert any(said.startswith(problem) for said in found.problems), found.problems


def test_reports_without_a_signature_are_named(tmp_path: Path) -> None:
    write(vaults.eventful(), tmp_path / "e.zip")
    found = checked(tmp_path / "e.zip", PUBLIC)
    assert found.problems == []
    assert found.unsigned == [identity(at(5, 3))]


def test_an_archive_that_nobody_signed_is_not_proven(tmp_path: Path) -> None:
    write(vaults.good(), tmp_path / "e.zip", key=None)
    found = checked(tmp_path / "e.zip")
    assert found.problems == []
    assert any("not signed" in doubt for doubt in found.doubts)
    assert "is not signed" in unpacked(tmp_path / "e.zip")["README.txt"].decode()


def test_a_name_that_is_there_twice_is_found(archive: Path, tmp_path: Path) -> None:
    """Of two, one program reads the first and another the last."""
    path = packed(unpacked(archive), tmp_path / "e.zip")
    with zipfile.ZipFile(path, "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.writestr(REPORT, unpacked(archive)[REPORT])
    assert f"{REPORT}: is there more than once" in checked(path, PUBLIC).problems


def test_what_would_swell_is_not_read_to_its_end(archive: Path, tmp_path: Path) -> None:
    bodies = {**unpacked(archive), REPORT: b" " * 50_000_000}
    found = checked(packed(bodies, tmp_path / "e.zip"), PUBLIC)
    assert f"{REPORT}: altered: it is longer than it was" in found.problems


@pytest.mark.parametrize("cut", [0, 10, 2000, -30])
def test_a_cut_archive_is_found(archive: Path, tmp_path: Path, cut: int) -> None:
    (tmp_path / "e.zip").write_bytes(archive.read_bytes()[:cut])
    assert checked(tmp_path / "e.zip", PUBLIC).problems


def test_a_flipped_bit_is_found_wherever_it_is(archive: Path, tmp_path: Path) -> None:
    """Bytes of names and contents; a .zip has bytes that mean nothing, those may pass."""
    body = archive.read_bytes()
    with zipfile.ZipFile(archive) as file:
        places = [
            info.header_offset + 30 + len(info.filename) + info.compress_size // 2 for info in file.filelist
        ]
    for place in places[::7]:
        (tmp_path / "e.zip").write_bytes(body[:place] + bytes([body[place] ^ 0x10]) + body[place + 1 :])
        assert checked(tmp_path / "e.zip", PUBLIC).problems, place


def test_no_file_is_a_matter_of_usage(tmp_path: Path) -> None:
    with pytest.raises(EvidenceUnfit, match="no such file"):
        verify(tmp_path / "none.zip", None)


def test_verdicts_of_all_kinds_are_evidence(tmp_path: Path) -> None:
    files: vaults.Files = {}
    for day, verdict in enumerate(Verdict, 1):
        vaults.put_drill(files, at(2, day), None, verdict)
    write(files, tmp_path / "e.zip")
    found = checked(tmp_path / "e.zip", PUBLIC)
    assert (found.problems, found.signed) == ([], 3)
