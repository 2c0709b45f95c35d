# SPDX-License-Identifier: Apache-2.0
"""However often a stream breaks, and wherever: the consumer has what an unbroken one says."""

import itertools
import unittest
from typing import Any, Iterable

from cascade_client import pb
from cascade_client.generation import Generation, tells_only_at_its_end
from cascade_client.whole import Whole

from fake_model import Failure, answer, told
from simulation import Server, World


LONG = 22  # the seed of an answer of six tokens in as many deltas


def request(seed: int = LONG, **sampling: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(text="Es war", sampling=pb.SamplingParams(seed=seed, **sampling))


def varied() -> Iterable[pb.GenerateRequest]:
    """Requests with all that a resumed one has to keep, or to leave out."""
    yield request()
    yield request(seed=2 ** 64 - 1, n=3)
    several = request(n=3, temperature=0.5)
    several.sampling.per_choice.add(temperature=1)
    several.sampling.per_choice.add(seed=77, top_k=3)
    several.response.token_ids = True
    several.response.logprobs = True
    yield several
    echoed = request(seed=17)
    echoed.response.echo = True
    echoed.response.prompt_logprobs = True
    echoed.response.logprobs = True
    echoed.request_id = "mine"
    yield echoed
    best = request(n=2)
    best.sampling.best_of.choices = 2
    yield best
    beams = request(n=2)
    beams.beam_search.width = 2
    yield beams


def broken(whole: pb.GenerateRequest, breaks: Iterable[int]) -> Iterable[pb.GenerateEvent]:
    """The answer when call i of all breaks after breaks[i] events."""
    left = iter(breaks)

    def fate(_attempt: Any) -> Any:
        after = next(left, None)
        return None if after is None else (after, Failure())

    world = World({"a": Server(fate), "b": Server(fate)})
    return world.run(Whole("GenerateStream", whole) if tells_only_at_its_end(whole) else Generation(whole))


class GenerationTest(unittest.TestCase):
    def compare(self, whole: pb.GenerateRequest, breaks: Iterable[int]) -> None:
        self.assertEqual(told(broken(whole, breaks)), told(answer(whole)), f"breaks after {breaks}")

    def test_unbroken_is_the_same(self) -> None:
        for whole in varied():
            self.assertEqual(list(broken(whole, [])), list(answer(whole)))

    def test_each_break_and_each_pair_of_breaks(self) -> None:
        for whole in varied():
            events = len(list(answer(whole)))
            for count in (1, 2):
                for breaks in itertools.product(range(events + 1), repeat=count):
                    self.compare(whole, breaks)

    def test_each_three_breaks_of_one_answer_and_of_several(self) -> None:
        for whole in (request(), request(n=2, seed=3)):
            events = len(list(answer(whole)))
            for breaks in itertools.product(range(events + 1), repeat=3):
                self.compare(whole, breaks)

    def test_a_resumed_answer_is_resumed(self) -> None:
        whole = request()
        whole.response.token_ids = True
        tokens = [token for event in answer(whole) for token in event.delta.token_ids]
        self.assertEqual(len(tokens), 6)
        whole.resume.token_ids.extend(tokens[:1])
        for after in range(len(tokens) + 3):
            self.compare(whole, [after])

    def test_a_seed_is_drawn_once(self) -> None:
        whole = request()
        whole.sampling.ClearField("seed")
        events = list(broken(whole, [2, 1]))
        whole.sampling.seed = events[0].prompt.seed
        self.assertEqual(told(events), told(answer(whole)))
        self.assertFalse(request().HasField("resume"))

    def test_the_time_limit_shrinks_by_what_has_passed(self) -> None:
        whole = request()
        whole.stopping.time_limit.FromSeconds(10)
        work = Generation(whole)
        (part,) = work.parts()
        self.assertEqual(work.request(part, 0).stopping.time_limit.ToMilliseconds(), 10000)
        self.assertEqual(work.request(part, 2.5).stopping.time_limit.ToMilliseconds(), 7500)
        self.assertEqual(work.request(part, 11).stopping.time_limit.ToMilliseconds(), 1)

    def test_text_without_a_token_waits_for_the_finish(self) -> None:
        """A time limit ends an answer: what the server held back comes, and would come again."""
        work = Generation(request())
        (part,) = work.parts()
        seed = LONG
        work.take(part, pb.GenerateEvent(prompt=pb.PromptInfo(seed=seed)))
        work.take(part, pb.GenerateEvent(delta=pb.Delta(text="a", token_ids=[1])))
        flush = pb.GenerateEvent(delta=pb.Delta(text="\N{REPLACEMENT CHARACTER}"))
        self.assertEqual(work.take(part, flush), [])
        (part,) = work.rest(part)
        work.take(part, pb.GenerateEvent(prompt=pb.PromptInfo(seed=seed)))
        self.assertEqual(work.take(part, flush), [])
        finish = pb.GenerateEvent(finish=pb.Finish(generated_tokens=1))
        self.assertEqual(work.take(part, finish), [flush, finish])


if __name__ == "__main__":
    unittest.main()
