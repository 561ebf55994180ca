output "instance" {
  description = "i-…"
  value       = aws_instance.controller.id
}

output "security_group" {
  description = "Its own: let databases that it backs up itself take connections from here."
  value       = aws_security_group.controller.id
}
