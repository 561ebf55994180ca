# Those who decide: the controller starts and ends machines, the reaper only ends them, the pruner deletes backups.

resource "aws_iam_role" "controller" {
  name                 = "${var.name}-controller"
  path                 = "/${var.name}/"
  description          = "Starts and ends machines with our tags, reads reports"
  assume_role_policy   = data.aws_iam_policy_document.of_the_controller.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "controller" {
  name   = "controller"
  role   = aws_iam_role.controller.id
  policy = jsonencode(jsondecode(templatefile("${local.policies}/controller.json.tftpl", local.values)))
}

resource "aws_iam_role_policy" "controller_isolated" {
  count = var.allow_public_address ? 0 : 1

  name   = "controller-isolated"
  role   = aws_iam_role.controller.id
  policy = jsonencode(jsondecode(templatefile("${local.policies}/controller-isolated.json.tftpl", local.values)))
}

resource "aws_iam_instance_profile" "controller" {
  name = aws_iam_role.controller.name
  path = "/${var.name}/"
  role = aws_iam_role.controller.name
  tags = var.tags
}

resource "aws_iam_role" "reaper" {
  name                 = "${var.name}-reaper"
  path                 = "/${var.name}/"
  description          = "Ends what carries our tag, in every region; nothing else"
  assume_role_policy   = data.aws_iam_policy_document.of_functions.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "reaper" {
  name   = "reaper"
  role   = aws_iam_role.reaper.id
  policy = jsonencode(jsondecode(templatefile("${local.policies}/reaper.json.tftpl", local.values)))
}

resource "aws_iam_role" "pruner" {
  count = var.pruner ? 1 : 0

  name                 = "${var.name}-pruner"
  path                 = "/${var.name}/"
  description          = "Deletes backups that keep lets go; never a version"
  assume_role_policy   = data.aws_iam_policy_document.of_the_pruner.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "pruner" {
  count = var.pruner ? 1 : 0

  name   = "pruner"
  role   = aws_iam_role.pruner[0].id
  policy = jsonencode(jsondecode(templatefile("${local.policies}/pruner.json.tftpl", local.values)))
}
