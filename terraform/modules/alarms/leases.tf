# Leases past their expiry: the last line of defence had to act, could not, or is not there any more.

locals {
  reaper = var.reaper == null ? {} : { reaper = var.reaper }
}

# The function prints one JSON document a run; `reaped` names what had outlived its lease.
resource "aws_cloudwatch_log_metric_filter" "overdue" {
  for_each = local.reaper

  name           = "${var.name}-overdue"
  log_group_name = each.value.log_group
  pattern        = "{ $.dry_run IS FALSE && $.reaped[0].machine = \"*\" }"

  metric_transformation {
    namespace = var.name
    name      = "OverdueLeases"
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "overdue" {
  for_each = local.reaper

  alarm_name          = "${var.name}-overdue"
  alarm_description   = "A machine had outlived its lease, and the reaper ended it: why did neither the machine nor the controller?"
  namespace           = var.name
  metric_name         = "OverdueLeases"
  statistic           = "Sum"
  period              = each.value.every_minutes * 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  tags                = var.tags

  depends_on = [aws_cloudwatch_log_metric_filter.overdue]
}

resource "aws_cloudwatch_metric_alarm" "reaper_failed" {
  for_each = local.reaper

  alarm_name          = "${var.name}-reaper-failed"
  alarm_description   = "The reaper could not look, or could not end what it found: something may be running, and cost."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.value.function }
  statistic           = "Sum"
  period              = each.value.every_minutes * 60
  evaluation_periods  = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "reaper_silent" {
  for_each = local.reaper

  alarm_name          = "${var.name}-reaper-silent"
  alarm_description   = "The reaper does not run any more."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = each.value.function }
  statistic           = "Sum"
  period              = each.value.every_minutes * 60
  evaluation_periods  = 4
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}
