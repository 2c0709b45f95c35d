#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tasks of lm-evaluation-harness against a Cascade server.

  run.py --server=localhost:50051 --tasks=tales_endings,tales_words [--include=FOLDER] [--limit=N]

Prints the harness's table. Tasks that it does not bring are looked for in --include, by default in tasks/ beside
this file.
"""

import argparse
import pathlib

import lm_eval
from cascade_lm import CascadeLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import make_table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="localhost:50051", metavar="HOST:PORT")
    parser.add_argument("--tasks", required=True, help="names, with commas between them")
    parser.add_argument("--include", default=str(pathlib.Path(__file__).resolve().parent / "tasks"), metavar="FOLDER")
    parser.add_argument("--limit", type=int, help="the first N documents of each task")
    arguments = parser.parse_args()
    results = lm_eval.simple_evaluate(
        model=CascadeLM(arguments.server), tasks=arguments.tasks.split(","), limit=arguments.limit,
        task_manager=TaskManager(include_path=arguments.include), bootstrap_iters=0)
    print(make_table(results))


if __name__ == "__main__":
    main()
