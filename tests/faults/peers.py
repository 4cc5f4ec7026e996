"""nginx and HAProxy as Debian has them, as plain reverse proxies that keep connections to one upstream."""

import client
from relay import free_port

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream provider {{ server 127.0.0.1:{upstream}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse safe
listen provider
    bind 127.0.0.1:{port}
    server provider 127.0.0.1:{upstream}
"""

COMMANDS = {"nginx": ["nginx", "-p", "{folder}", "-c", "{config}"], "haproxy": ["haproxy", "-q", "-f", "{config}"]}
CONFIGS = {"nginx": NGINX, "haproxy": HAPROXY}


async def start(world, name, upstream):
    """The port where it serves."""
    port, config = free_port(), world.folder / f"{name}.conf"
    config.write_text(CONFIGS[name].format(folder=world.folder, port=port, upstream=upstream.port))
    command = [part.format(folder=world.folder, config=config) for part in COMMANDS[name]]
    world.program(command, stderr=open(world.folder / f"{name}.out", "wb"))

    async def serves():
        try:
            (await client.Connection.open(port)).close()
            return True
        except OSError:
            return False

    await client.until(f"{name} serves", serves)
    return port
