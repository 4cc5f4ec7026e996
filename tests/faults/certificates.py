"""Certificates for the TLS cases, made by openssl: authorities, and servers' with a name and a time of their own."""

import subprocess

CONFIG = """
[ca]
default_ca = own
[own]
new_certs_dir = {folder}
database = {folder}/index.txt
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
subjectAltName = {name}
"""


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name="faults authority"):
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "index.txt").touch()
        self.key, self.pem = folder / "authority.key", folder / "authority.pem"
        self.issue(self.key, self.pem, name, "authority", selfsign=True)

    def server(self, name="DNS:localhost", begins="20200101000000Z", ends="20990101000000Z", selfsign=False):
        """A server's key and certificate, in files."""
        stem = self.folder / f"server-{len(list(self.folder.iterdir()))}"
        key, pem = stem.with_suffix(".key"), stem.with_suffix(".pem")
        self.issue(key, pem, "server", "server", selfsign, name, begins, ends)
        return key, pem

    def issue(self, key, pem, subject, section, selfsign, name="DNS:none", begins="20200101000000Z", ends="20990101000000Z"):
        config, request = self.folder / "openssl.cnf", key.with_suffix(".csr")
        config.write_text(CONFIG.format(folder=self.folder, name=name))
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run("req", "-new", *curve, "-config", config, "-keyout", key, "-out", request, "-subj", f"/CN={subject}")
        signer = ["-selfsign", "-keyfile", key] if selfsign else ["-cert", self.pem, "-keyfile", self.key]
        times = ["-startdate", begins, "-enddate", ends, "-extensions", section]
        run("ca", "-batch", "-notext", "-config", config, *signer, "-in", request, "-out", pem, *times)


def run(*command):
    done = subprocess.run(["openssl", *command], capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {command[0]}: {done.stderr}"
