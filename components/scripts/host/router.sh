#!/bin/bash
# Makes this host the study's router: it forwards, has the addresses behind it, and serves one web page.
#
# usage: router.sh NAME=ADDRESS/PREFIX...   for example loop1=10.10.1.200/24
. "$(dirname "$0")/lib.sh"
alone

links() {
    cat << 'LINES'
#!/bin/bash
# Made by cilium-lab: the addresses of the networks behind the router, and no others on links of its own.
set -eu
only() {
    for name in $(ip -o link show | sed -n 's/^[0-9]*: \([^:@]*\).* alias cilium-lab$/\1/p'); do
        case " $* " in *" $name "*) ;; *) ip link delete "$name" ;; esac
    done
}
link() {
    # A kernel built without dummy links has bridges: one without a port answers for its address just as well.
    ip link show "$1" > /dev/null 2>&1 || ip link add "$1" type dummy 2> /dev/null || ip link add "$1" type bridge
    ip link set "$1" up alias cilium-lab
    ip -4 -o addr show dev "$1" | grep -qF " $2 " || { ip -4 addr flush dev "$1"; ip addr add "$2" dev "$1"; }
}
LINES
    echo "only ${*%%=*}"
    for link in "$@"; do echo "link ${link%%=*} ${link#*=}"; done
}
put /usr/local/sbin/cilium-lab-links 755 < <(links "$@") || true
put /etc/systemd/system/cilium-lab-links.service << 'CONF' || true
[Unit]
Description=The addresses of the networks behind the router
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/cilium-lab-links

[Install]
WantedBy=multi-user.target
CONF
put /etc/sysctl.d/90-cilium-lab.conf <<< 'net.ipv4.ip_forward = 1' || true
sysctl -q -p /etc/sysctl.d/90-cilium-lab.conf

# Probes run on the router as well.
[ ! -e /opt/bundle/bin/probe ] || ln -sfn /opt/bundle/bin/probe /usr/local/bin/probe

page="<h1>Web Server : $(hostname)</h1>"
if command -v httpd > /dev/null && [ -d /var/www/html ]; then # Apache, as in the study
    unit=httpd.service
    put /var/www/html/index.html <<< "$page" || true
else
    unit=cilium-lab-web.service
    put /srv/cilium-lab-web/index.html <<< "$page" || true
    busybox=$(command -v busybox) || fail 'no web server' 'httpd or busybox on the PATH' 'neither' 'install httpd'
    put "/etc/systemd/system/$unit" << CONF || true
[Unit]
Description=The router's web server
After=network.target

[Service]
ExecStart=$busybox httpd -f -p 80 -h /srv/cilium-lab-web
Restart=always

[Install]
WantedBy=multi-user.target
CONF
fi
systemctl daemon-reload
systemctl enable -q cilium-lab-links.service "$unit"
systemctl restart cilium-lab-links.service
systemctl start "$unit"
until_true 15 'the web server answers' curl -sf -m 2 -o /dev/null http://127.0.0.1/
say "forwards, and serves $page"
