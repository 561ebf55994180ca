output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "subnets" {
  description = "Isolated subnets, one a zone, in the order of the zones."
  value       = [for zone in var.zones : aws_subnet.isolated[zone].id]
}

output "security_groups" {
  description = "For a throwaway machine."
  value       = [aws_security_group.machines.id]
}

output "endpoint_security_group" {
  description = "Of the interface endpoints: for a controller that shall reach them too."
  value       = aws_security_group.endpoints.id
}

output "s3_prefix_list" {
  description = "S3's addresses as the gateway endpoint knows them."
  value       = aws_vpc_endpoint.s3.prefix_list_id
}
