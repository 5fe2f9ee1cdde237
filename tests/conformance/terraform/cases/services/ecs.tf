# SPDX-License-Identifier: Apache-2.0

resource "aws_ecr_repository" "batch" {
  name                 = "tf/batch"
  image_tag_mutability = local.later ? "IMMUTABLE" : "MUTABLE"
  force_delete         = true
  tags                 = { team = "batch" }
}

resource "aws_ecr_lifecycle_policy" "batch" {
  repository = aws_ecr_repository.batch.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "keep ten"
      selection = {
        tagStatus   = "any"
        countType   = "imageCountMoreThan"
        countNumber = 10
      }
      action = { type = "expire" }
    }]
  })
}

resource "aws_ecr_repository_policy" "batch" {
  repository = aws_ecr_repository.batch.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "pull"
      Effect    = "Allow"
      Principal = "*"
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    }]
  })
}

data "aws_ecr_authorization_token" "token" {}

data "aws_ecr_repository" "batch" {
  name = aws_ecr_repository.batch.name
}

resource "aws_ecs_cluster" "batch" {
  name = "tf-batch"
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
  tags = { step = tostring(var.step) }
}

resource "aws_ecs_cluster_capacity_providers" "batch" {
  cluster_name       = aws_ecs_cluster.batch.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 1
    weight            = local.later ? 50 : 100
  }
}

resource "aws_ecs_task_definition" "report" {
  family                   = "tf-report"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = local.role
  task_role_arn            = local.role
  container_definitions = jsonencode([
    {
      name      = "report"
      image     = "${aws_ecr_repository.batch.repository_url}:latest"
      essential = true
      command   = ["report", "--daily"]
      environment = [
        { name = "B", value = "2" },
        { name = "A", value = "1" },
      ]
      portMappings = [{ containerPort = 80 }]
      ulimits      = [{ name = "nofile", softLimit = 1024, hardLimit = 4096 }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.batch.name
          awslogs-region        = data.aws_region.here.name
          awslogs-stream-prefix = "report"
        }
      }
      dependsOn = [{ containerName = "init", condition = "SUCCESS" }]
    },
    {
      name      = "init"
      image     = "busybox"
      essential = false
      memory    = 64
      healthCheck = {
        command = ["CMD-SHELL", "true"]
      }
    },
  ])
  volume {
    name = "scratch"
  }
  tags = { team = "batch" }
}

resource "aws_ecs_task_definition" "plain" {
  family = "tf-plain"
  cpu    = 128
  memory = 128
  container_definitions = jsonencode([
    { name = "a", image = "busybox", mountPoints = [{ sourceVolume = "tmp", containerPath = "/x" }] },
  ])
  volume {
    name      = "tmp"
    host_path = "/tmp"
  }
}

resource "aws_ecs_service" "idle" {
  name                               = "tf-idle"
  cluster                            = aws_ecs_cluster.batch.id
  task_definition                    = aws_ecs_task_definition.plain.arn
  desired_count                      = 0
  launch_type                        = "EC2"
  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = local.later ? 150 : 200
  wait_for_steady_state              = false
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  tags = { team = "batch" }
}

data "aws_ecs_cluster" "batch" {
  cluster_name = aws_ecs_cluster.batch.name
}
