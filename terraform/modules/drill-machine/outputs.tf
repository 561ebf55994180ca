output "launch_template" {
  description = "lt-…"
  value       = aws_launch_template.drill.id
}

output "launch_template_arn" {
  description = "Its ARN."
  value       = aws_launch_template.drill.arn
}
