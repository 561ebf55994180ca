# A machine that drills: one role a database, so that none reads another's backups.

resource "aws_iam_role" "drill" {
  for_each = var.databases

  name                 = "${var.name}-drill-${each.key}"
  path                 = local.path
  description          = "A throwaway machine that drills ${each.key}: reads its backups, writes its results"
  assume_role_policy   = data.aws_iam_policy_document.of_instances.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "drill" {
  for_each = var.databases

  name = "drill-machine"
  role = aws_iam_role.drill[each.key].id

  policy = jsonencode(jsondecode(templatefile("${local.policies}/drill-machine.json.tftpl", merge(local.values, {
    prefix     = "${each.key}/"
    secret_arn = aws_secretsmanager_secret.key[each.key].arn
  }))))
}

resource "aws_iam_instance_profile" "drill" {
  for_each = var.databases

  name = aws_iam_role.drill[each.key].name
  path = local.path
  role = aws_iam_role.drill[each.key].name
  tags = var.tags
}

# Whoever takes backups: a host beside the database, or a throwaway machine that stands there.

resource "aws_iam_role" "backup" {
  for_each = var.databases

  name                 = "${var.name}-backup-${each.key}"
  path                 = local.path
  description          = "Takes backups of ${each.key}: writes them, and neither reads nor deletes them"
  assume_role_policy   = data.aws_iam_policy_document.of_backup_writers.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "backup_writer" {
  for_each = var.databases

  name = "backup-writer"
  role = aws_iam_role.backup[each.key].id

  policy = jsonencode(jsondecode(templatefile("${local.policies}/backup-writer.json.tftpl", merge(local.values, {
    prefix = "${each.key}/"
  }))))
}

resource "aws_iam_role_policy" "backup_sections" {
  for_each = { for name, database in var.databases : name => database if database.huge_files }

  name = "backup-sections"
  role = aws_iam_role.backup[each.key].id

  policy = jsonencode(jsondecode(templatefile("${local.policies}/backup-sections.json.tftpl", merge(local.values, {
    prefix = "${each.key}/"
  }))))
}

resource "aws_iam_role_policy" "backup_machine" {
  for_each = { for name, database in var.databases : name => database if database.backup_on_ec2 }

  name = "backup-machine"
  role = aws_iam_role.backup[each.key].id

  policy = jsonencode(jsondecode(templatefile("${local.policies}/backup-machine.json.tftpl", merge(local.values, {
    prefix     = "${each.key}/"
    secret_arn = aws_secretsmanager_secret.source[each.key].arn
  }))))
}

resource "aws_iam_instance_profile" "backup" {
  for_each = var.databases

  name = aws_iam_role.backup[each.key].name
  path = local.path
  role = aws_iam_role.backup[each.key].name
  tags = var.tags
}

# Places for secrets. What is in them is put there by people, never by Terraform: its state would hold it.

resource "aws_secretsmanager_secret" "key" {
  for_each = var.databases

  name                    = "${var.name}/${each.key}/age"
  description             = "The age identity that opens backups of ${each.key}"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.secret_recovery_days
  tags                    = var.tags
}

resource "aws_secretsmanager_secret" "source" {
  for_each = { for name, database in var.databases : name => database if database.backup_on_ec2 }

  name                    = "${var.name}/${each.key}/source"
  description             = "The URL, password included, from which backups of ${each.key} are taken"
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.secret_recovery_days
  tags                    = var.tags
}
