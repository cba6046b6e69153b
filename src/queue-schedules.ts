/** Schedules of a queue: making and changing them, looking at them, running one now. */
import { almanacOf } from './almanac.ts'
import { LIST_MOST, NAME_BYTES } from './core/bounds.ts'
import { integer, object, refuseOption } from './core/check.ts'
import { checkJobOptions, type JobOptions } from './core/job-options.ts'
import { checkJobName, checkName } from './core/names.ts'
import { escapePart } from './core/keys.ts'
import { type Timing, type RepeatOptions, checkRepeat } from './core/schedule-options.ts'
import { slotJobId } from './core/schedule.ts'
import { loadDescriber } from './describe.ts'
import { localZone } from './host.ts'
import type { JobOf } from './job.ts'
import type { InputOf, MapOf, NameOf, Omitted } from './job-map.ts'
import {
  type Almanac,
  type KeptSchedule,
  countSchedules,
  listSchedules,
  readSchedule,
  removeSchedule,
  upsertSchedule,
} from './ledger/schedule.ts'
import { planRun, tick, triggerSchedule } from './ledger/tick.ts'
import { QueueManage } from './queue-manage.ts'
import { type JobSchedulerJson, schedulerJson } from './scheduler-json.ts'

/** What the jobs of a schedule are made of. */
export interface JobTemplate<Name extends string = string, Data = unknown> {
  /** Their name; default: the id of the schedule. */
  name?: Name
  /** What their handler gets; must come back from JSON as it was. */
  data?: Data
  /** As the third argument of `add`, without `group.maxSize`. */
  opts?: Omit<JobOptions, 'jobId' | 'runAt' | 'repeat' | 'idempotencyKey' | 'deduplication'>
}

/** @internal The part of a queue that schedules. */
export abstract class QueueSchedules<
  First = any,
  Result = Omitted,
  Name extends string = string,
> extends QueueManage<First, Result, Name> {
  #almanac: Almanac | undefined

  /**
   * Makes a schedule, or changes the one of this id; where it is as asked already nothing happens. Each of its runs is a job, made
   * by any worker of the queue at its time, exactly one whoever else is there. One that is changed goes on from its last run; what
   * of its old times was due and not yet made is dropped, unless its times stay.
   *
   * Resolves with the job of its next run, as it will be: it is stored when its time comes.
   *
   * @throws HoldfastError `SCHEDULE_INVALID` naming the field and why; as `add` for the template.
   */
  async upsertJobScheduler<N extends NameOf<MapOf<First, Result, Name>>>(
    id: string,
    repeat: RepeatOptions,
    template: JobTemplate<N, InputOf<MapOf<First, Result, Name>, N>> = {},
  ): Promise<JobOf<MapOf<First, Result, Name>, N>> {
    const { name = id, data, opts } = object(template, 'the template') as JobTemplate<N>
    return this.schedule(id, checkRepeat(repeat, localZone), { name, data, opts }) as unknown as Promise<
      JobOf<MapOf<First, Result, Name>, N>
    >
  }

  /** The schedule of an id: its next run, its last, how many it made and missed; `undefined` where there is none. */
  async getJobScheduler(id: string): Promise<JobSchedulerJson | undefined> {
    await this.open()
    const kept = await readSchedule(this.ledger, String(id))
    return kept && schedulerJson(kept, await loadDescriber())
  }

  /** Schedules by their next runs, the latest first unless `ascending`; `start` and `end` as for `getJobs`, at most 1,000. */
  async getJobSchedulers(start = 0, end = -1, ascending = false): Promise<JobSchedulerJson[]> {
    integer(0, Number.MAX_SAFE_INTEGER)(start, 'start')
    integer(-1, Number.MAX_SAFE_INTEGER)(end, 'end')
    await this.open()
    const limit = Math.min(end < 0 ? LIST_MOST : end - start + 1, LIST_MOST)
    const kept = limit <= 0 ? [] : await listSchedules(this.ledger, { start, limit, ascending })
    const describe = await loadDescriber()
    return kept.map((one) => schedulerJson(one, describe))
  }

  /** How many schedules there are. */
  async getJobSchedulersCount(): Promise<number> {
    await this.open()
    return countSchedules(this.ledger)
  }

  /** Ends a schedule; the jobs it made stay. False where there is none. */
  async removeJobScheduler(id: string): Promise<boolean> {
    await this.open()
    return removeSchedule(this.ledger, String(id))
  }

  /**
   * Makes a job of a schedule now, beside its times, and resolves with it.
   *
   * @throws HoldfastError `SCHEDULE_INVALID` where there is no such schedule; `JOB_STATE` where its last run is not finished and
   * its runs must not overlap.
   */
  async trigger(id: string): Promise<JobOf<MapOf<First, Result, Name>>> {
    await this.open()
    const { added, data } = await triggerSchedule(this.ledger, String(id), this.#asked())
    return this.job({ ...added, data, result: '', progress: '', history: [] })
  }

  /** @internal Stores a schedule, and makes what is due of it now. */
  protected async schedule(
    id: string,
    timing: Timing,
    template: { readonly name: string; readonly data: unknown; readonly opts?: JobOptions },
  ): Promise<JobOf<MapOf<First, Result, Name>>> {
    this.assertOpen()
    const key = checkName(id, 'the id of the schedule', NAME_BYTES)
    const { name, data, opts } = template
    for (const field of ['jobId', 'runAt', 'repeat', 'idempotencyKey', 'deduplication'] as const)
      if (opts?.[field] !== undefined) refuseOption(field, opts[field], 'left out of the jobs of a schedule')
    const options = checkJobOptions(opts, this.defaults)
    if (options.group?.maxSize !== undefined)
      refuseOption(
        'group.maxSize',
        options.group.maxSize,
        'left out of the jobs of a schedule: a run that found its group full would be lost',
      )
    const encoded = await this.encode(checkJobName(name), data, options.sizeLimit)
    const plan = { name, timing, opts: options, data: encoded }
    await this.open()
    const kept = await upsertSchedule(this.ledger, key, plan, this.#asked())
    const job = this.#upcoming(key, kept)
    const { store } = this.ledger
    if ((kept.schedule.next ?? Infinity) <= store.now()) await tick(this.ledger, kept.name, this.#asked())
    return job
  }

  /** @internal The id of the schedule that `add` makes where nobody says. */
  protected scheduleIdFor(name: string, { pattern, every }: RepeatOptions, tz: string | undefined): string {
    const id = [name, pattern ?? every, tz].filter((part) => part !== undefined).join(':')
    return escapePart(id).length <= NAME_BYTES
      ? id
      : refuseOption(
          'jobId',
          undefined,
          'given, as name, pattern and tz are too long for the id of a schedule',
        )
  }

  /** The job of the next run; of the last where there is no next. */
  #upcoming(key: string, kept: KeptSchedule): JobOf<MapOf<First, Result, Name>> {
    const { next, last = 0 } = kept.schedule
    const slot = next ?? last
    const { added } = planRun(this.ledger, kept, this.#asked(), slotJobId(key, slot), slot)
    return this.job({ ...added, data: kept.data, result: '', progress: '', history: [] })
  }

  #asked(): Almanac {
    this.#almanac ??= almanacOf(this.ledger.store)
    return this.#almanac
  }
}
