/**
 * The outside witness: hears what processes say they do, survives all of them, and judges in the end. It knows neither the
 * store nor the queue, only the words:
 *
 *     TRY id hash                 about to add        RUN id fence attempt hash      a handler begins, and what it was given
 *     ACK id                      the add resolved    DONE id fence                  `completed` was emitted
 *     NOT id                      it was refused, and is certainly not there
 *     BROKEN problem              found by verify     END id state hash              what is in the queue at the end
 *
 * An id with a dot is part of a bulk; what is before the dot names the bulk.
 */
import { appendFileSync } from 'node:fs'

export interface Verdict {
  /** What must not be, as sentences; empty is innocent. */
  readonly faults: readonly string[]
  readonly tried: number
  readonly acknowledged: number
  /** Acknowledged, and at the end neither completed nor failed for good, nor there. */
  readonly lost: number
  /** Tried, never acknowledged, and yet there: the process died between the write and the answer. */
  readonly unacknowledged: number
  readonly completed: number
  readonly failed: number
  /** Attempts that were begun again because the process died. */
  readonly repeated: number
  readonly kills: number
}

interface Account {
  readonly id: string
  hash?: string
  acknowledged: boolean
  refused: boolean
  /** Of all its runs, in the order they were said. */
  readonly fences: number[]
  readonly attempts: number[]
  done: number
  end?: string
}

export class Witness {
  readonly #accounts = new Map<string, Account>()
  readonly #ledger: string
  readonly #faults: string[] = []
  #kills = 0

  /** `ledger` is the file that every line goes to before anything else. */
  constructor(ledger: string) {
    this.#ledger = ledger
  }

  hear(line: string): void {
    this.#write(line)
    const [word = '', id = '', ...rest] = line.split(' ')
    if (word === 'BROKEN') this.#fault(`verify: ${[id, ...rest].join(' ')}`)
    else this.#words[word]?.(this.#account(id), rest)
  }

  /** A process that worked was killed. */
  killed(): void {
    this.#write('KILL')
    this.#kills++
  }

  /** Whether this id was acknowledged, tried, or never heard of. */
  standing(id: string): 'acknowledged' | 'tried' | undefined {
    const account = this.#accounts.get(id)
    return account?.hash === undefined ? undefined : account.acknowledged ? 'acknowledged' : 'tried'
  }

  /** To be called once all is drained and every `END` was said. */
  judge(concurrency: number): Verdict {
    const accounts = [...this.#accounts.values()]
    const lost = accounts.filter(({ acknowledged, end }) => acknowledged && end === undefined)
    for (const { id } of lost) this.#fault(`${id} was acknowledged and is lost`)
    for (const account of accounts) this.#judgeOne(account)
    this.#judgeBulks(accounts)
    const repeated = sum(accounts, ({ attempts }) => attempts.length - new Set(attempts).size)
    if (repeated > this.#kills * concurrency)
      this.#fault(`${repeated} runs were repeated by ${this.#kills} kills`)
    return {
      faults: this.#faults,
      tried: sum(accounts, ({ hash }) => Number(hash !== undefined)),
      acknowledged: sum(accounts, ({ acknowledged }) => Number(acknowledged)),
      lost: lost.length,
      unacknowledged: sum(accounts, ({ acknowledged, end }) => Number(!acknowledged && end !== undefined)),
      completed: sum(accounts, ({ end }) => Number(end === 'completed')),
      failed: sum(accounts, ({ end }) => Number(end === 'failed')),
      repeated,
      kills: this.#kills,
    }
  }

  readonly #words: Readonly<Record<string, (account: Account, rest: readonly string[]) => void>> = {
    TRY: (account, [hash]) => {
      account.hash = hash
    },
    ACK: (account) => {
      account.acknowledged = true
    },
    NOT: (account) => {
      account.refused = true
    },
    RUN: (account, [fence, attempt, hash]) => {
      this.#compare(account, 'ran', hash)
      if (Number(fence) <= (account.fences.at(-1) ?? 0))
        this.#fault(`${account.id} ran with fence ${fence} after ${account.fences.at(-1)}`)
      account.fences.push(Number(fence))
      account.attempts.push(Number(attempt))
    },
    DONE: (account) => {
      if (++account.done > 1) this.#fault(`${account.id} was done ${account.done} times`)
    },
    END: (account, [state = '', hash]) => {
      this.#compare(account, 'ended', hash)
      if (account.end !== undefined) this.#fault(`${account.id} is there twice, ${account.end} and ${state}`)
      account.end = state
    },
  }

  #compare({ id, hash }: Account, event: string, given: string | undefined): void {
    if (hash === undefined) this.#fault(`${id} ${event} and was never added`)
    else if (hash !== given) this.#fault(`${id} ${event} with other data than it was added with`)
  }

  #judgeOne({ id, done, end, fences, refused }: Account): void {
    if (refused && end !== undefined) this.#fault(`${id} was refused and is ${end}`)
    if (end !== undefined && end !== 'completed' && end !== 'failed')
      this.#fault(`${id} is ${end} although all is drained`)
    if (done > 0 && end !== undefined && end !== 'completed') this.#fault(`${id} was done and is ${end}`)
    if (end === 'completed' && fences.length === 0) this.#fault(`${id} is completed and never ran`)
  }

  /** A bulk is there as a whole or not at all. */
  #judgeBulks(accounts: readonly Account[]): void {
    const there = new Map<string, { parts: number; ended: number }>()
    for (const { id, end } of accounts) {
      if (!id.includes('.')) continue
      const bulk = id.slice(0, id.indexOf('.'))
      const { parts, ended } = there.get(bulk) ?? { parts: 0, ended: 0 }
      there.set(bulk, { parts: parts + 1, ended: ended + Number(end !== undefined) })
    }
    for (const [bulk, { parts, ended }] of there) {
      if (ended > 0 && ended < parts)
        this.#fault(`only ${ended} of the ${parts} jobs of bulk ${bulk} are there`)
    }
  }

  #account(id: string): Account {
    let account = this.#accounts.get(id)
    if (account === undefined) {
      account = { id, acknowledged: false, refused: false, fences: [], attempts: [], done: 0 }
      this.#accounts.set(id, account)
    }
    return account
  }

  #fault(fault: string): void {
    this.#write(`FAULT ${fault}`)
    this.#faults.push(fault)
  }

  #write(line: string): void {
    appendFileSync(this.#ledger, `${line}\n`)
  }
}

const sum = <One>(all: readonly One[], of: (one: One) => number): number =>
  all.reduce((total, one) => total + of(one), 0)
