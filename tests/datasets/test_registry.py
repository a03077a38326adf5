"""Downloads are resumed, verified and forbidden offline; archives stay within their folder. All from 127.0.0.1."""

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from rnnbp.audio import write_wav
from rnnbp.datasets import data_folder, fetch, load_spoken_digits, registry
from rnnbp.datasets.download import download
from rnnbp.datasets.registry import REGISTRY, Remote, located
from rnnbp.datasets.unpack import unpack

CONTENT = np.random.default_rng(0).bytes(100_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Server of `content`: it ends a reply after `breaks` bytes, sends `etag`, and supports ranges if `ranges`."""

    def __init__(self):
        self.content, self.etag, self.breaks, self.ranges, self.asked = CONTENT, '"one"', None, True, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.reply(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/data.bin"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def reply(self, handler):
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        same = handler.headers.get("If-Range") == self.etag
        start = int(re.findall(r"\d+", asked)[0]) if asked and same and self.ranges else 0
        if start >= len(self.content):
            handler.send_error(416)
            return
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body)))
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.end_headers()
        handler.wfile.write(body[: self.breaks])

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()


def get(server, folder, sha256=SHA, most_bytes=10**6):
    return download(server.address, folder / "data.bin", sha256=sha256, most_bytes=most_bytes)


# ---- download ------------------------------------------------------------------------------------


def test_a_download_is_complete_and_requested_once(server, tmp_path):
    path = get(server, tmp_path)
    assert path.read_bytes() == CONTENT
    assert get(server, tmp_path) == path
    assert server.asked == [None]
    assert [p.name for p in tmp_path.iterdir()] == ["data.bin"]


def test_an_interrupted_download_is_resumed(server, tmp_path):
    server.breaks = 40_000
    for have in (40_000, 80_000):
        with pytest.raises(OSError, match=f"broke off {100_000 - have} bytes before its end: download again to resume"):
            get(server, tmp_path)
        assert not (tmp_path / "data.bin").exists()
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=40000-", "bytes=80000-"]


@pytest.mark.parametrize("change", ["content", "no ranges", "no tag"])
def test_a_download_restarts_if_it_cannot_be_resumed(server, tmp_path, change):
    server.breaks = 40_000
    if change == "no tag":
        server.etag = None
    with pytest.raises(OSError, match="broke off"):
        get(server, tmp_path)
    server.breaks, expected = None, CONTENT
    if change == "content":
        server.content = expected = CONTENT[::-1]
        server.etag = '"two"'
    server.ranges = change != "no ranges"
    sha = hashlib.sha256(expected).hexdigest()
    assert get(server, tmp_path, sha256=sha).read_bytes() == expected


def test_a_complete_download_that_was_not_renamed_is_not_requested_again(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    (tmp_path / "data.bin.part.tag").write_text('"one"')
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=100000-"]


def test_another_checksum_is_refused_and_nothing_is_left(server, tmp_path):
    with pytest.raises(ValueError, match=rf"has changed: its SHA-256 is {SHA}, it should be 00"):
        get(server, tmp_path, sha256="00")
    assert list(tmp_path.iterdir()) == []


def test_files_above_the_limit_are_refused(server, tmp_path):
    with pytest.raises(ValueError, match="has 100000 bytes or more, at most 99999 are taken"):
        get(server, tmp_path, most_bytes=99_999)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_server_is_named(server, tmp_path):
    with pytest.raises(ValueError, match="address must begin with https://, got 'file:///etc/passwd'"):
        download("file:///etc/passwd", tmp_path / "a", sha256=None, most_bytes=10)
    server.content = b""
    (tmp_path / "data.bin.part").write_bytes(b"")
    server.reply = lambda handler: handler.send_error(404)
    with pytest.raises(OSError, match=r"data\.bin cannot be downloaded: 404 Not Found"):
        get(server, tmp_path)
    address = server.address.replace(str(server.http.server_port), "1")
    with pytest.raises(OSError, match=r"cannot be downloaded: .*refused"):
        download(address, tmp_path / "a", sha256=None, most_bytes=10)


# ---- archives ------------------------------------------------------------------------------------


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def tarred(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


FILES = (("a.txt", b"one"), ("sub/b.txt", b"two"), ("./sub/deep/c.txt", b"three"))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_archives_are_unpacked(tmp_path, pack):
    folder = unpack(pack(tmp_path / "a", *FILES), tmp_path / "out", most_bytes=11, most_files=3)
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == {name.removeprefix("./"): data for name, data in FILES}


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([("../evil", b"")], {}, r"holds '\.\./evil', which leads out of the folder"),
        ([("a/../../evil", b"")], {}, "which leads out of the folder"),
        ([("/evil", b"")], {}, "holds '/evil', which leads out of the folder"),
        ([("..\\evil", b"")], {}, "which leads out of the folder"),
        ([("C:evil", b"")], {}, "which leads out of the folder"),
        ([("a", b"1"), ("./a", b"2")], {}, r"cannot be unpacked: .*File exists"),
        (FILES, {"most_bytes": 10}, "holds more than 10 bytes"),
        ([("zeros", bytes(10**6))], {"most_bytes": 10**5}, "holds more than 100000 bytes"),
        (FILES, {"most_files": 2}, "holds more than 2 files"),
    ],
)
def test_refused_archives_leave_no_files(tmp_path, pack, members, options, message):
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = pack(inner / "archive", *members)
    with pytest.raises(ValueError, match=message) as error:
        unpack(archive, inner / "out", **{"most_bytes": 10**7, "most_files": 10} | options)
    assert str(error.value).startswith(repr(str(archive)))
    assert [p.name for p in tmp_path.rglob("*")] == ["inner", "archive"]


def test_links_are_refused(tmp_path):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(info)
    with pytest.raises(ValueError, match="holds 'link', which is neither a file nor a folder"):
        unpack(tmp_path / "a.tar", tmp_path / "out", most_bytes=10, most_files=10)
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    zipped(tmp_path / "a.zip", (link, "/etc/passwd"))
    with pytest.raises(ValueError, match="holds 'link', which is a link or encrypted"):
        unpack(tmp_path / "a.zip", tmp_path / "out", most_bytes=100, most_files=10)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_damaged_archives_leave_no_files(tmp_path, pack, rng):
    archive = pack(tmp_path / "archive", ("a", rng.bytes(10_000)))
    whole = archive.read_bytes()
    for damaged in (whole[:5000], whole[:3000] + bytes(100) + whole[3100:], b"not an archive"):
        archive.write_bytes(damaged)
        with pytest.raises(ValueError, match="cannot be unpacked"):
            unpack(archive, tmp_path / "out", most_bytes=10**6, most_files=10)
        assert [p.name for p in tmp_path.iterdir()] == ["archive"]


# ---- the registry --------------------------------------------------------------------------------


def test_every_dataset_has_a_checksum_or_a_reason_and_a_licence():
    for remote in REGISTRY.values():
        assert remote.address.startswith("https://")
        assert remote.licence.startswith(("CC BY", "BSD", "non-commercial research"))
        if remote.sha256 is None:
            assert len(remote.unchecked) > 20
        else:
            assert re.fullmatch("[0-9a-f]{64}", remote.sha256)


def test_the_data_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("RNNBP_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    assert data_folder() == tmp_path / "cache" / "rnnbp"


def test_spoken_digits_are_downloaded_and_unpacked_once(server, tmp_path, monkeypatch):
    names = [f"{d}_ann_{i}.wav" for d in (3, 4) for i in (0, 7)]
    for name in names:
        write_wav(tmp_path / name, np.zeros(80), 8000)
    members = [(f"free-spoken-digit-dataset-1.0.10/recordings/{n}", (tmp_path / n).read_bytes()) for n in names]
    server.content = zipped(tmp_path / "served", *members).read_bytes()
    remote = Remote(server.address, None, "CC BY-SA 4.0", 10**6, 10, "made here")
    monkeypatch.setitem(registry.REGISTRY, "spoken-digits", remote)
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path / "kept"))
    monkeypatch.delenv("RNNBP_OFFLINE", raising=False)
    train, test = load_spoken_digits()
    assert (train.ids, test.ids) == (["3_ann_7.wav", "4_ann_7.wav"], ["3_ann_0.wav", "4_ann_0.wav"])
    monkeypatch.setenv("RNNBP_OFFLINE", "1")
    assert load_spoken_digits()[0].ids == train.ids
    assert len(server.asked) == 1
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["spoken-digits"]


def test_nothing_is_requested_offline(server, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.REGISTRY, "spoken-digits", Remote(server.address, None, "CC BY", 10, 10))
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path / "kept"))
    monkeypatch.setenv("RNNBP_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="RNNBP_OFFLINE forbids to download it from http://127"):
        fetch("spoken-digits")
    assert server.asked == []
    assert not (tmp_path / "kept").exists()


def test_a_folder_that_is_no_copy_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path: there is no folder '.*no'"):
        located("spoken-digits", tmp_path / "no", "*.wav")
    with pytest.raises(FileNotFoundError, match=r"path: '.*' is no copy of spoken-digits: it has no '\*\.wav'"):
        located("spoken-digits", tmp_path, "*.wav")


@pytest.mark.parametrize("target", ["http://example.org/data.bin", "ftp://example.org/a", "file:///etc/passwd"])
def test_a_redirection_to_anything_but_https_is_refused(server, target, tmp_path):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.end_headers()

    server.reply = redirect
    with pytest.raises(OSError, match=r"127\.0\.0\.1.*(is redirected to .*, which is not https|cannot be downloaded)"):
        get(server, tmp_path)
    assert not (tmp_path / "data.bin").exists()
