# Roles and what each may do. The policies themselves are templates in policies/: plain JSON with names in it,
# so that tests read them without Terraform.

locals {
  path     = "/${var.name}/machines/" # what the controller may hand to a machine is exactly what lies here
  iam      = "arn:${var.partition}:iam::${var.account}"
  ec2      = "arn:${var.partition}:ec2:${var.region}:${var.account}"
  policies = "${path.module}/policies"

  values = {
    account          = var.account
    bucket_arn       = var.bucket_arn
    image_owners     = jsonencode(var.image_owners)
    instance_types   = jsonencode(var.instance_types)
    key_arn          = var.key_arn
    machine_profiles = "${local.iam}:instance-profile${local.path}*"
    machine_roles    = "${local.iam}:role${local.path}*"
    partition        = var.partition
    region           = var.region
    places = jsonencode(concat(
      [for subnet in var.subnets : "${local.ec2}:subnet/${subnet}"],
      [for group in var.security_groups : "${local.ec2}:security-group/${group}"],
      [var.launch_template_arn],
    ))
  }
}

data "aws_iam_policy_document" "of_instances" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "of_backup_writers" {
  source_policy_documents = [data.aws_iam_policy_document.of_instances.json]

  dynamic "statement" {
    for_each = length(var.backup_principals) > 0 ? [var.backup_principals] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }
}

data "aws_iam_policy_document" "of_the_controller" {
  source_policy_documents = [data.aws_iam_policy_document.of_instances.json]

  dynamic "statement" {
    for_each = length(var.controller_principals) > 0 ? [var.controller_principals] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }
}

data "aws_iam_policy_document" "of_functions" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "of_the_pruner" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.controller.arn]
    }
  }
}
