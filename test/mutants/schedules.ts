/** Mutants of schedules: slots that are left out or come twice, and ticks that cannot be trusted. */
import type { Mutant } from './mutant.ts'

export const scheduleMutants: readonly Mutant[] = [
  {
    name: 'a time in the gap keeps to its offset',
    why: 'a run that the clocks jump over comes late',
    file: 'src/core/cron.ts',
    find: 'const moment = Math.max(from, wall - offset)',
    replace: 'const moment = wall - offset >= from ? wall - offset : from + 30 * MINUTE_MS',
    caughtBy: { file: 'core/cron.test.ts', test: 'a fixed time in the gap runs once, right after it' },
  },
  {
    name: 'clocks that are set back are forgotten',
    why: 'a fixed time runs twice in autumn',
    file: 'src/core/cron.ts',
    find: 'zone.stretches(moment - 2 * OFFSET_MOST)',
    replace: 'zone.stretches(moment)',
    caughtBy: { file: 'core/cron.test.ts', test: 'a fixed time in the overlap is over once it came' },
  },
  {
    name: 'all that is missed is the last',
    why: 'a schedule that asks for every run gets one',
    file: 'src/core/schedule.ts',
    find: "missed === 'all' && !alone",
    replace: "missed === 'all' && !alone && most > 1",
    caughtBy: { file: 'core/schedule.test.ts', test: 'those of a limit of 1 are the first' },
  },
  {
    name: 'a limit is passed by one',
    why: 'a schedule runs more often than it may',
    file: 'src/core/schedule.ts',
    find: 'const isOver = before + runs.length >= limit',
    replace: 'const isOver = before + runs.length > limit',
    caughtBy: { file: 'queue/schedules.test.ts', test: 'with a limit ends' },
  },
  {
    name: 'other data is another schedule',
    why: 'a deploy forgets the runs that were missed before it',
    file: 'src/core/schedule.ts',
    find: 'before !== undefined && sameText(before.timing, timing)',
    replace: 'before !== undefined && sameText(before, plan)',
    caughtBy: { file: 'queue/schedules.test.ts', test: 'whose data alone is changed keeps its times' },
  },
  {
    name: 'a job of a slot asks for nothing',
    why: 'of two workers that tick at once each makes a job',
    file: 'src/ledger/tick.ts',
    find: '...plans.map(({ change }) => following(change, 0))',
    replace: '...plans.map(({ change }) => change)',
    caughtBy: { file: 'schedules/rush.test.ts', test: 'on memory' },
  },
  {
    name: 'an obliteration leaves schedules',
    why: 'a queue that was removed fills again',
    file: 'src/ledger/mass.ts',
    find: 'await removeSchedules(ledger)',
    replace: '',
    caughtBy: { file: 'queue/schedules.test.ts', test: 'obliterate takes schedules along' },
  },
  {
    name: 'a run whose predecessor is not finished is made',
    why: 'two runs of a schedule overlap that must not',
    file: 'src/ledger/tick.ts',
    find: 'const busy = head !== undefined && head.finishedOn === undefined',
    replace: 'const busy = head === undefined',
    caughtBy: { file: 'sim/sim.test.ts', test: 'sixty seeds' },
  },
]
