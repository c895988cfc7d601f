# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's client of Remote Execution in TLS, with certificates and tokens."""

import os
import shutil

import pytest

TOKEN = "one-token-that-is-long-enough"
OTHER = "another-token.that_is/long~enough+="


def write_token(path, token, mode=0o600):
    """As whoever renews it does: a new file in the old one's place."""
    new = path.with_suffix(".new")
    new.write_text(f"# for the builds\n{token}\n")
    new.chmod(mode)
    new.rename(path)


def ca(certificates, name="ca"):
    return f"ca={certificates.top / f'{name}.pem'}"


def own(certificates, name="client"):
    return [f"cert={certificates.top / f'{name}.pem'}", f"key={certificates.top / f'{name}.key'}"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls(daemon, tool, certificates, host, tmp_path):
    data = os.urandom(6_000_000)
    (tmp_path / "large").write_bytes(data)
    d = daemon(*certificates.options())
    t = tool(d.port, host=host, options=["tls", ca(certificates)])
    a = t.run("cat large large > out; echo in a tunnel", files={"large": tmp_path / "large"},
              outputs=["out"])
    assert a["outcome"] == "rex" and a["stdout"] == b"in a tunnel\n", a
    assert a["outputs"]["out"][0] == 12_000_000
    numbers = [t.sh(f"echo {i}; head -c 300000 large > out", outputs=["out"],
                    files={"large": tmp_path / "large"}) for i in range(10)]
    assert [t.wait(n)["stdout"] for n in numbers] == [b"%d\n" % i for i in range(10)]
    metrics = d.metrics()
    assert metrics['distccd_clients_total{protocol="grpc-tls"}'] == 1


def test_untrusted(daemon, tool, certificates):
    d = daemon(*certificates.options())
    a = tool(d.port, options=["tls", ca(certificates, "stranger")]).run("true")
    assert a["outcome"] == "rex-tls" and "certificate was refused" in a["detail"], a
    # The system's CAs do not know it.
    a = tool(d.port, options=["tls"]).run("true")
    assert a["outcome"] == "rex-tls" and "certificate was refused" in a["detail"], a


def test_wrong_name(daemon, tool, certificates):
    d = daemon(*certificates.options())
    a = tool(d.port, host="127.0.0.2", options=["tls", ca(certificates)]).run("true")
    # It listens on 127.0.0.1 alone.
    assert a["outcome"] == "rex-refused", a
    certificates.sign("elsewhere", "/CN=localhost", "subjectAltName=DNS:elsewhere.example")
    d = daemon("--tls-cert", certificates.top / "elsewhere.pem", "--tls-key",
               certificates.top / "elsewhere.key")
    for host in ("localhost", "127.0.0.1"):
        a = tool(d.port, host=host, options=["tls", ca(certificates)]).run("true")
        assert a["outcome"] == "rex-tls" and "mismatch" in a["detail"], a


def test_one_end_only(daemon, tool, certificates):
    plain, secret = daemon(), daemon(*certificates.options())
    a = tool(plain.port, options=["tls", ca(certificates)]).run("true")
    assert a["outcome"] == "rex-tls", a
    a = tool(secret.port).run("true")
    assert a["outcome"] not in ("rex", "rex-timeout"), a


def test_client_certificate(daemon, tool, certificates):
    d = daemon(*certificates.options("--tls-client-ca", certificates.top / "ca.pem"))
    trust = ["tls", ca(certificates)]
    assert tool(d.port, options=[*trust, *own(certificates)]).run("true")["outcome"] == "rex"
    for other in ([], own(certificates, "stranger")):
        a = tool(d.port, options=[*trust, *other]).run("true")
        assert a["outcome"] == "rex-tls" and a["detail"], a


def test_certificates_are_read_again(daemon, tool, certificates, tmp_path):
    """Without a restart: a connection that is made after they changed has the new ones."""
    d = daemon(*certificates.options("--tls-client-ca", certificates.top / "ca.pem"))
    for name in ("client", "stranger"):
        for end in ("pem", "key"):
            shutil.copy(certificates.top / f"{name}.{end}", tmp_path)

    def use(name):
        for end in ("key", "pem"):
            shutil.copy(tmp_path / f"{name}.{end}", tmp_path / f"own.{end}.new")
            (tmp_path / f"own.{end}.new").rename(tmp_path / f"own.{end}")

    use("stranger")
    t = tool(d.port, options=["tls", ca(certificates), f"cert={tmp_path / 'own.pem'}",
                              f"key={tmp_path / 'own.key'}"])
    assert t.run("true")["outcome"] == "rex-tls"
    use("client")
    assert t.run("echo 1")["outcome"] == "rex"
    # Of a pair that does not fit nothing is sent.
    shutil.copy(tmp_path / "stranger.key", tmp_path / "own.key")
    d.kill()
    d.start()
    outcomes = [t.run(f"echo {i}") for i in (2, 3)]
    assert outcomes[-1]["outcome"] == "rex-secrets", outcomes
    assert "not the key of the certificate" in outcomes[-1]["detail"]
    use("client")
    assert t.run("echo 4")["outcome"] == "rex"


def test_token(daemon, tool, tmp_path):
    tokens, mine = tmp_path / "tokens", tmp_path / "mine"
    tokens.write_text(f"first {TOKEN}\nsecond {OTHER}\n")
    tokens.chmod(0o600)
    d = daemon("--token-file", tokens)
    assert tool(d.port).run("true")["outcome"] == "rex-denied"
    write_token(mine, TOKEN)
    t = tool(d.port, options=[f"token={mine}"])
    assert t.run("true")["outcome"] == "rex"
    # It is nowhere where others can see it.
    pid = t.process.pid
    for where in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{where}", "rb") as f:
            assert TOKEN.encode() not in f.read()
    # A token that was renewed, for a connection that is there.
    write_token(mine, "a-token-that-nobody-knows")
    tries = [t.run(f"echo {i}")["outcome"] for i in range(2)]
    while tries[-1] == "rex":
        tries.append(t.run(f"echo {len(tries)}")["outcome"])
        assert len(tries) < 5000
    assert tries[-1] == "rex-denied"
    write_token(mine, OTHER)
    while tries[-1] == "rex-denied":
        tries.append(t.run(f"echo {len(tries)}")["outcome"])
        assert len(tries) < 50000
    assert tries[-1] == "rex"


def test_files_that_are_no_good(daemon, tool, certificates, tmp_path):
    d = daemon()
    mine = tmp_path / "mine"
    for text, mode, says in [("no token at all", 0o600, "no bearer token"),
                             (f"{TOKEN}\n{OTHER}", 0o600, "more than one line"),
                             ("\n# nothing\n", 0o600, "no token in it"),
                             (f"Bearer {TOKEN}", 0o600, "without"),
                             (TOKEN, 0o604, "chmod o-rwx")]:
        mine.write_text(text)
        mine.chmod(mode)
        a = tool(d.port, options=[f"token={mine}"]).run("true")
        assert a["outcome"] == "rex-secrets" and says in a["detail"], a
        assert str(mine) in a["detail"] and TOKEN not in a["detail"]
    for option in (f"token={tmp_path / 'none'}", f"ca={tmp_path / 'none'}", f"ca={mine}"):
        a = tool(d.port, options=["tls", option]).run("true")
        assert a["outcome"] == "rex-secrets" and str(tmp_path) in a["detail"], a
    assert not d.metrics().get('distccd_clients_total{protocol="grpc"}')


def test_instance(daemon, tool):
    d = daemon("--instance", "main/one")
    assert tool(d.port, options=["instance=main/one"]).run("true")["outcome"] == "rex"
    assert tool(d.port, options=["instance=other"]).run("true")["outcome"] != "rex"
