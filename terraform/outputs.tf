output "restoredrill" {
  description = "What `restoredrill init --from-terraform` makes a file a database of. No secret is in it."

  value = {
    region            = local.region
    regions           = distinct(concat([local.region], var.regions))
    vault_url         = "s3://${module.vault.bucket}"
    kms_key_id        = module.vault.key_arn
    image             = var.image
    subnets           = module.network.subnets
    security_groups   = module.network.security_groups
    instance_profiles = module.roles.drill_profiles
    launch_template   = module.drill_machine.launch_template
    decrypt_with      = { for name, secret in module.roles.key_secrets : name => "secretsmanager:${secret}" }
    owner             = var.owner
    backup = var.backup_network == null ? null : {
      subnets           = var.backup_network.subnets
      security_groups   = var.backup_network.security_groups
      instance_profiles = { for name, profile in module.roles.backup_profiles : name => profile if var.databases[name].backup_on_ec2 }
      source_urls       = { for name, secret in module.roles.source_secrets : name => "secretsmanager:${secret}" }
    }
  }

  precondition {
    condition     = !local.backups_on_ec2 || var.backup_network != null
    error_message = "A database has backup_on_ec2: say in backup_network where the machines stand that reach its source."
  }
}

output "controller_role" {
  description = "Who starts and ends machines: the role of `restoredrill serve` and `drill --machine ec2`."
  value       = module.roles.controller_role
}

output "backup_roles" {
  description = "Who writes backups, by database: for hosts that take them themselves."
  value       = module.roles.backup_roles
}

output "pruner_role" {
  description = "For vault.prune_as.role_arn; null: there is none."
  value       = module.roles.pruner_role
}

output "alarms_topic" {
  description = "Where alarms are told."
  value       = module.alarms.topic_arn
}

output "bucket" {
  description = "The vault's bucket."
  value       = module.vault.bucket
}
