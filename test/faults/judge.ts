/** The verdict on a run of the script: its faults end, its workers finish, and everything is held against what was promised. */
import { checkCounts, checkPartition, checkQueue } from '../model/invariants.ts'
import { type ShownJob, textOf, viewOf } from '../model/dump.ts'
import type { Effect } from './fault-store.ts'
import { MAX_STALLS, Script, dataOf, resultOf } from './script.ts'
import { QUEUE, type ScriptPlan } from './setting.ts'

/** What came of a run. */
export interface Verdict {
  readonly violations: readonly string[]
  readonly tally: ReadonlyMap<Effect, number>
  /** Faults of the plan that happened; others were aimed at calls that were never made. */
  readonly happened: number
  readonly commits: number
  readonly looks: number
  /** Jobs that failed for good because they stalled too often. */
  readonly stalledToDeath: number
  /** The end state, to tell runs apart. */
  readonly text: string
}

/** States in which a job still has a way to go, and what is kept of claims. */
const OPEN_LANES = ['ready', 'due', 'suspect', 'lease', 'blocked', 'claims', 'reap'] as const
const FINISH_MS = 300_000
/** Stalls that the script itself brings about. */
const PLANNED_STALLS = 2

export async function judged(plan: ScriptPlan): Promise<Verdict> {
  const script = new Script(plan)
  const { witness } = script
  let stalledToDeath = 0
  try {
    await script.play()
    judgeFinished(script)
    await script.retain()
    await finish(script)
    stalledToDeath = judgeContent(script, 2 * (plan.commits?.length ?? 0) + PLANNED_STALLS)
    await judgeStore(script)
  } catch (error) {
    witness.must(false, (error as Error).stack ?? String(error))
  }
  const happened = script.stores.flatMap((store) => store.happened)
  const tally = new Map<Effect, number>()
  for (const { effect } of happened) tally.set(effect, (tally.get(effect) ?? 0) + 1)
  return {
    violations: witness.violations,
    tally,
    happened: happened.length,
    commits: script.commits,
    looks: script.looks,
    stalledToDeath,
    text: textOf(script.dump()),
  }
}

/** No more faults: until nothing is open. Somebody who looks resumes the queue, as a pause may have come late. */
async function finish(script: Script): Promise<void> {
  const { witness, queue } = script
  for (const store of script.stores) if (!store.dead) store.heal()
  const open = (): string[] =>
    OPEN_LANES.filter((lane) => (script.content.lanes.get(`${lane}:${QUEUE}`)?.size ?? 0) > 0)
  // What ghosts there are have come by then.
  await script.pass(2000)
  if (await script.passing(queue.isPaused())) await script.passing(queue.resume())
  for (let waited = 0; open().length > 0 && waited < FINISH_MS; waited += 1000) await script.pass(1000)
  witness.must(open().length === 0, `still in ${open().join()} after ${FINISH_MS} ms without faults`)
  await script.passing(script.worker.close())
  await script.pass(60_000)
  witness.must(script.host.timers === 0, `${script.host.timers} timers are left`)
}

/** Results are looked at before retention takes most of them. */
function judgeFinished(script: Script): void {
  for (const job of viewOf(script.dump(), QUEUE).jobs.values())
    if (job.lane === 'done') judgeCompleted(script, job)
}

function judgeContent(script: Script, stallsMost: number): number {
  const { witness } = script
  const dump = script.dump()
  checkPartition(dump, [QUEUE])
  const view = viewOf(dump, QUEUE)
  checkQueue(dump, view, script.inner.epoch)
  for (const id of witness.acknowledged) {
    if (view.jobs.has(id) || witness.removed.has(id)) continue
    witness.must(witness.finished.has(id), `${id} was acknowledged, and is lost`)
  }
  let stalls = 0
  let stalledToDeath = 0
  for (const job of view.jobs.values()) {
    witness.must(witness.asked.has(job.id), `${job.id} is there, and nobody added it`)
    stalls += job.head.stalledCounter ?? 0
    if (job.head.failedCode === 'STALLED') {
      stalledToDeath++
      witness.must(job.head.stalledCounter === MAX_STALLS + 1, `${job.id} failed after too few stalls`)
    } else judgeCompleted(script, job)
  }
  witness.must(stalls <= stallsMost, `there were ${stalls} stalls, and reasons for ${stallsMost}`)
  return stalledToDeath
}

/** Every job of the script completes in the end, with the attempts that its handler needs. */
function judgeCompleted(
  { witness }: Script,
  { id, lane, head, data, result, progress, logs }: ShownJob,
): void {
  const attempts = id === 'flaky' ? 2 : 1
  witness.must(lane === 'done', `${id} ended in ${lane}: ${JSON.stringify(head)}`)
  witness.must(witness.finished.has(id), `${id} completed without a handler`)
  witness.must(head.attemptsMade === attempts, `${id} made ${head.attemptsMade} attempts, not ${attempts}`)
  witness.must(data === `j${JSON.stringify(dataOf(id))}`, `the data of ${id} became ${data.slice(0, 80)}`)
  witness.must(result === `j${JSON.stringify(resultOf(id))}`, `the result of ${id} is ${result.slice(0, 80)}`)
  if (id !== 'chatty') return
  witness.must(progress === 'j"all"', `the progress of ${id} is ${progress}`)
  const lines = logs.filter((line, at) => logs[at - 1] !== line)
  witness.must(lines.join() === 'one,two', `the log of ${id} is ${logs.join()}`)
}

async function judgeStore(script: Script): Promise<void> {
  await checkCounts(script.inner, script.dump())
  const { problems } = await script.passing(script.queue.verify())
  script.witness.must(problems.length === 0, `verify() says ${problems.join('; ')}`)
}
