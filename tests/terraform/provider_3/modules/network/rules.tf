resource "aws_security_group_rule" "to_s3" {
  type              = "egress"
  security_group_id = aws_security_group.machines.id
  # No description: the emulated account does not tell that of a rule with a prefix list.
  protocol        = "tcp"
  from_port       = 443
  to_port         = 443
  prefix_list_ids = [aws_vpc_endpoint.s3.prefix_list_id]
}

resource "aws_security_group_rule" "to_endpoints" {
  type                     = "egress"
  security_group_id        = aws_security_group.machines.id
  description              = "services of AWS"
  protocol                 = "tcp"
  from_port                = 443
  to_port                  = 443
  source_security_group_id = aws_security_group.endpoints.id
}

resource "aws_security_group_rule" "from_machines" {
  type                     = "ingress"
  security_group_id        = aws_security_group.endpoints.id
  description              = "throwaway machines"
  protocol                 = "tcp"
  from_port                = 443
  to_port                  = 443
  source_security_group_id = aws_security_group.machines.id
}
