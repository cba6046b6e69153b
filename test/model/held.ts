/** What belongs to bulks that are being stored: no world has it, and nobody else can have it. */
import { nameOf } from '../../src/core/evaluate.ts'
import { jobIdOf } from '../../src/core/keys.ts'
import { type Held, hasLapsed } from './add-world.ts'
import type { ModelSide } from './model.ts'
import type { World } from './world.ts'

/** What bulks hold which are being stored, those left out that a sweep takes away; an id whose time is over is free, whoever has it. */
export function heldBy(
  { staged }: Pick<ModelSide, 'staged'>,
  world: World,
  now: number,
  isOver: (bulk: ModelSide['staged'][number]) => boolean,
): Held {
  const left = staged.filter((bulk) => !isOver(bulk))
  const ids = left.flatMap(({ keys }) => keys.map(({ key }) => jobIdOf(nameOf(key))))
  return {
    jobs: new Set(ids.filter((id) => !world.jobs.has(id))),
    keys: new Set(left.flatMap(({ idempotencyKeys }) => idempotencyKeys)),
    ids: new Set(
      left.flatMap(({ deduplicationIds }) =>
        deduplicationIds.filter((hold) => !hasLapsed(hold, now)).map(({ id }) => id),
      ),
    ),
  }
}
