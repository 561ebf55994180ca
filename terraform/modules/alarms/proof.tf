# No proof for too long. Works while nothing of ours runs: the bucket itself tells EventBridge of each
# `drills/<id>/passed`, EventBridge counts them, and no count is an alarm.

locals {
  watched = { for name, days in var.proof_days : name => days if days > 0 }
}

resource "aws_cloudwatch_event_rule" "passed" {
  for_each = local.watched

  name        = "${var.name}-passed-${each.key}"
  description = "A drill of ${each.key} has passed"
  tags        = var.tags

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = [var.bucket] }
      object = { key = [{ wildcard = "${each.key}/drills/*/passed" }] }
    }
  })
}

# A list of all proofs, outside the vault. A rule needs a target to be counted.
resource "aws_cloudwatch_log_group" "proofs" {
  name              = "/aws/events/${var.name}-proofs"
  kms_key_id        = var.key_arn
  retention_in_days = 400
  tags              = var.tags
}

data "aws_iam_policy_document" "proofs" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${var.partition}:logs:${var.region}:${var.account}:log-group:/aws/events/${var.name}-proofs:*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "proofs" {
  policy_name     = "${var.name}-proofs"
  policy_document = data.aws_iam_policy_document.proofs.json
}

resource "aws_cloudwatch_event_target" "passed" {
  for_each = local.watched

  rule      = aws_cloudwatch_event_rule.passed[each.key].name
  target_id = "proofs"
  arn       = aws_cloudwatch_log_group.proofs.arn

  depends_on = [aws_cloudwatch_log_resource_policy.proofs]
}

resource "aws_cloudwatch_metric_alarm" "no_proof" {
  for_each = local.watched

  alarm_name          = "${var.name}-no-proof-${each.key}"
  alarm_description   = "No drill of ${each.key} has passed for ${each.value} days: nobody knows whether its backups restore. `restoredrill status ${each.key}` says more."
  namespace           = "AWS/Events"
  metric_name         = "Invocations"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.passed[each.key].name }
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = each.value
  datapoints_to_alarm = each.value
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching" # silence is the alarm
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}
