#!/bin/bash
# Makes this host the study's router: it forwards, has the addresses behind it, and serves one web page.
#
# usage: router.sh NAME=ADDRESS/PREFIX...   for example loop1=10.10.1.200/24
. "$(dirname "$0")/lib.sh"
alone

{
    echo '#!/bin/bash'
    echo '# Made by cilium-lab: the addresses of the networks behind the router.'
    echo 'set -eu'
    for link in "$@"; do
        # A kernel built without dummy links has bridges: one without a port answers for its address just as well.
        cat << LINES
ip link show ${link%%=*} > /dev/null 2>&1 || ip link add ${link%%=*} type dummy 2> /dev/null || ip link add ${link%%=*} type bridge
ip link set ${link%%=*} up
ip addr replace ${link#*=} dev ${link%%=*}
LINES
    done
} | put /usr/local/sbin/cilium-lab-links 755 || true
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
echo 'net.ipv4.ip_forward = 1' | put /etc/sysctl.d/90-cilium-lab.conf || true
sysctl -q -p /etc/sysctl.d/90-cilium-lab.conf

page="<h1>Web Server : $(hostname)</h1>"
if command -v httpd > /dev/null && [ -d /var/www/html ]; then # Apache, as in the study
    unit=httpd.service
    echo "$page" | put /var/www/html/index.html || true
else
    unit=cilium-lab-web.service
    echo "$page" | put /srv/cilium-lab-web/index.html || true
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
