# The fourth line of defence: runs in the account itself, whatever became of everything else. It trusts tags only.

resource "aws_cloudwatch_log_group" "reaper" {
  name              = "/aws/lambda/${var.name}-reaper"
  kms_key_id        = var.key_arn
  retention_in_days = 400
  tags              = var.tags
}

resource "aws_iam_role_policy" "log" {
  name = "log"
  role = var.role_name

  policy = jsonencode(jsondecode(templatefile("${path.module}/policies/log.json.tftpl", {
    log_group_arn = aws_cloudwatch_log_group.reaper.arn
  })))
}

resource "aws_lambda_function" "reaper" {
  function_name    = "${var.name}-reaper"
  description      = "Ends machines of restoredrill that have outlived their lease"
  role             = var.role_arn
  handler          = "restoredrill.machines.ec2.on_lambda.handler"
  runtime          = local.runtime
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  kms_key_arn      = var.key_arn
  memory_size      = 512
  timeout          = 300
  tags             = var.tags

  environment {
    variables = {
      RESTOREDRILL_REGIONS = join(",", var.regions)
    }
  }

  depends_on = [aws_cloudwatch_log_group.reaper, aws_iam_role_policy.log]
}

resource "aws_cloudwatch_event_rule" "reaper" {
  name                = "${var.name}-reaper"
  description         = "Time to look for machines that have outlived their lease"
  schedule_expression = "rate(${var.every_minutes} minutes)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "reaper" {
  rule      = aws_cloudwatch_event_rule.reaper.name
  target_id = "reaper"
  arn       = aws_lambda_function.reaper.arn
}

resource "aws_lambda_permission" "reaper" {
  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.reaper.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.reaper.arn
}
