locals {
  spot = "arn:${var.partition}:iam::${var.account}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
}

# The key of backups, of secrets, of volumes, of what the alarms write. Whoever reads a backup needs it.
resource "aws_kms_key" "vault" {
  description             = "${var.name}: backups, secrets, volumes of throwaway machines, alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = var.tags
}

resource "aws_kms_alias" "vault" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.vault.key_id
}

data "aws_iam_policy_document" "key" {
  # Without this nobody could ever change the key again; roles get what they need from their own policies.
  statement {
    sid       = "TheAccountGoverns"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${var.partition}:iam::${var.account}:root"]
    }
  }

  # Alarms reach a topic that is encrypted; SNS's own key would not let them. Without a condition on the account,
  # which is not promised to be told here: an alarm that can't be heard would be worse.
  statement {
    sid       = "AlarmsMayTell"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
  }

  # Spot instances are started by a role of AWS's own, which has no rights of its own to a key. It is named by a
  # condition, as a principal has to be there already, and this one comes with an account's first spot instance.
  statement {
    sid       = "SpotVolumesAreEncrypted"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [local.spot]
    }
  }

  statement {
    sid       = "SpotVolumesUseTheKey"
    actions   = ["kms:CreateGrant"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [local.spot]
    }

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }

  statement {
    sid       = "LogsAreEncrypted"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${var.partition}:logs:${var.region}:${var.account}:log-group:*"]
    }
  }
}

resource "aws_s3_bucket_public_access_block" "vault" {
  bucket                  = aws_s3_bucket.vault.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "vault" {
  bucket = aws_s3_bucket.vault.id
  policy = jsonencode(jsondecode(templatefile("${path.module}/policies/bucket.json.tftpl", {
    bucket_arn = aws_s3_bucket.vault.arn
  })))

  # Both change the bucket's policy state: S3 refuses two at once.
  depends_on = [aws_s3_bucket_public_access_block.vault]
}
