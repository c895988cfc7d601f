# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for both ends, made by openssl(1)."""

import subprocess

import grpc

from reapi import DEADLINE


class Certificates:
    """A CA with a certificate for the server and one for a client, and a CA that nobody knows."""

    def __init__(self, top):
        self.top = top
        self.make("ca", "/CN=test CA", ["-x509", "-days", "2"])
        self.make("stranger", "/CN=stranger", ["-x509", "-days", "2"])
        self.sign("server", "/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.sign("client", "/CN=build-client", "extendedKeyUsage=clientAuth")

    def openssl(self, *words, **more):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True,
                       cwd=self.top, timeout=DEADLINE, **more)

    def make(self, name, subject, more):
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", subject,
                     *more)
        (self.top / f"{name}.key").chmod(0o600)

    def sign(self, name, subject, extension):
        self.make(name, subject, ["-out", f"{name}.csr"])
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", "2", "-out", f"{name}.pem", "-extfile",
                     "/dev/stdin", input=extension.encode())

    def options(self, *more):
        return ["--tls-cert", self.top / "server.pem", "--tls-key", self.top / "server.key", *more]

    def credentials(self, ca="ca", client=None):
        def data(name):
            return (self.top / name).read_bytes()
        own = {"private_key": data(f"{client}.key"), "certificate_chain": data(f"{client}.pem")} \
            if client else {}
        return grpc.ssl_channel_credentials(data(f"{ca}.pem"), **own)
