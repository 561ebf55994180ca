resource "aws_security_group_rule" "https" {
  for_each = toset(var.egress_cidrs)

  type              = "egress"
  security_group_id = aws_security_group.controller.id
  description       = "AWS by HTTPS"
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = [each.key]
}
