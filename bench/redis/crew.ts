/** Several processes that drain one queue together, each with a worker of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from './system.ts'

const REPORT_MS = 5

export class Crew implements Disposable {
  readonly #members: readonly ChildProcess[]
  readonly #ready: Promise<unknown>

  /** `program` with `orders` as its argument is to call `beMember`. */
  constructor(program: string, orders: string, size: number) {
    this.#members = Array.from({ length: size }, () => fork(program, [orders]))
    this.#ready = Promise.all(
      this.#members.map((member) => new Promise((resolve) => member.once('message', resolve))),
    )
  }

  /** Resolves once all are loaded and connected. */
  async ready(): Promise<void> {
    await this.#ready
  }

  /** They begin; resolves once they have completed so many jobs together. */
  drain(jobs: number): Promise<void> {
    const completed = new Map<ChildProcess, number>()
    return new Promise((resolve) => {
      for (const member of this.#members) {
        member.on('message', (count: number) => {
          completed.set(member, count)
          if ([...completed.values()].reduce((sum, one) => sum + one, 0) >= jobs) resolve()
        })
        member.send('go')
      }
    })
  }

  [Symbol.dispose](): void {
    for (const member of this.#members) member.kill('SIGKILL')
  }
}

/** What a process of a crew does, until it is killed. */
export async function beMember(session: Session, concurrency: number): Promise<never> {
  process.send!('ready')
  await new Promise((resolve) => process.once('message', resolve))
  let completed = 0
  session.work(concurrency, { completed: () => completed++ })
  for (let said = 0; ; await sleep(REPORT_MS)) {
    if (completed === said) continue
    said = completed
    process.send!(said)
  }
}
