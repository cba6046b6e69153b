/**
 * Programs of these tests as processes of their own: starting them, hearing what they say, ending them. It knows nothing of
 * queues. A program is loaded at once and waits for its orders, so that the next one can stand by while the last one runs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface LaunchOptions {
  /** A command that runs the program, such as `['sh', '-c', 'exec "$@"', 'sh']`; default: none. */
  readonly under?: readonly string[]
  /** Told of every line as it comes. */
  readonly hear?: (line: string) => void
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A program that was started: with orders it begins, and speaks in lines (`orders.ts` is its end of this). */
export class Program {
  /** Everything it said, in order. */
  readonly lines: string[] = []
  /** Resolves once it has ended and all it said was heard. */
  readonly ended: Promise<Ended>
  /** What it and its runtime wrote to stderr. */
  complaints = ''
  readonly #process: ChildProcess
  readonly #waiting = new Set<() => void>()
  #end: Ended | undefined

  constructor(process: ChildProcess, hear: (line: string) => void) {
    this.#process = process
    // A program that was killed does not read its orders any more.
    process.stdin!.on('error', () => {})
    process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.complaints += text))
    createInterface({ input: process.stdio[3] as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line)
      hear(line)
      this.#wake()
    })
    this.ended = new Promise((resolve, reject) => {
      process.on('error', reject)
      process.on('close', (code, signal) => {
        this.#end = { code, signal }
        this.#wake()
        resolve(this.#end)
      })
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** Gives it its orders, any value of JSON: it begins. */
  begin(orders: unknown): this {
    this.#process.stdin!.end(JSON.stringify(orders))
    return this
  }

  /** The first line that begins with this word, now or later; rejects should the program end without it. */
  async said(word: string): Promise<string> {
    for (;;) {
      const line = this.lines.find((one) => one === word || one.startsWith(`${word} `))
      if (line !== undefined) return line
      if (this.#end !== undefined) throw new Error(`it ended without saying ${word}: ${this.complaints}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  async kill(): Promise<Ended> {
    this.signal('SIGKILL')
    return this.ended
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

/** Starts a program of this directory; it waits for its orders. */
export function launch(program: string, { under = [], hear = () => {} }: LaunchOptions = {}): Program {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const [command, ...args] = [...under, process.execPath, '--import', 'tsx', path]
  return new Program(
    spawn(command ?? process.execPath, args, { cwd: ROOT, stdio: ['pipe', 'ignore', 'pipe', 'pipe'] }),
    hear,
  )
}

/** One program after the other, the next always loaded already. */
export class Succession implements AsyncDisposable {
  readonly #program: string
  readonly #options: LaunchOptions
  #next: Program
  #current: Program | undefined

  constructor(program: string, options: LaunchOptions = {}) {
    this.#program = program
    this.#options = options
    this.#next = launch(program, options)
  }

  /** The next program begins. */
  begin(orders: unknown): Program {
    const program = this.#next
    this.#current = program
    this.#next = launch(this.#program, this.#options)
    return program.begin(orders)
  }

  /** Ends the one that stands by, and the last one should it still run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#next.kill(), this.#current?.kill()])
  }
}
