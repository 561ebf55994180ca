output "drill_profiles" {
  description = "Instance profiles of drill machines, by database."
  value       = { for name, profile in aws_iam_instance_profile.drill : name => profile.name }
}

output "backup_profiles" {
  description = "Instance profiles of machines that take backups, by database."
  value       = { for name, profile in aws_iam_instance_profile.backup : name => profile.name }
}

output "backup_roles" {
  description = "ARNs of the roles that write backups, by database: for hosts that take them."
  value       = { for name, role in aws_iam_role.backup : name => role.arn }
}

output "controller_role" {
  description = "The controller's ARN."
  value       = aws_iam_role.controller.arn
}

output "controller_profile" {
  description = "The controller's instance profile."
  value       = aws_iam_instance_profile.controller.name
}

output "reaper_role" {
  description = "The reaper's ARN."
  value       = aws_iam_role.reaper.arn
}

output "reaper_role_name" {
  description = "The reaper's name."
  value       = aws_iam_role.reaper.name
}

output "pruner_role" {
  description = "The pruner's ARN, for vault.prune_as; null: there is none."
  value       = one(aws_iam_role.pruner[*].arn)
}

output "key_secrets" {
  description = "Names of the secrets that hold age identities, by database."
  value       = { for name, secret in aws_secretsmanager_secret.key : name => secret.name }
}

output "source_secrets" {
  description = "Names of the secrets that hold the source's URL, by database."
  value       = { for name, secret in aws_secretsmanager_secret.source : name => secret.name }
}
