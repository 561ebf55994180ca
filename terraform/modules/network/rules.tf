resource "aws_vpc_security_group_egress_rule" "to_s3" {
  security_group_id = aws_security_group.machines.id
  description       = "the vault"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
}

resource "aws_vpc_security_group_egress_rule" "to_endpoints" {
  security_group_id            = aws_security_group.machines.id
  description                  = "services of AWS"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.endpoints.id
}

resource "aws_vpc_security_group_ingress_rule" "from_machines" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "throwaway machines"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.machines.id
}
