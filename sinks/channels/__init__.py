"""Ways to tell people of alerts: webhook, WeCom group robot, e-mail, syslog."""
