/**
 * Programs of these tests as processes of their own: starting them, hearing what they say, ending them. It knows nothing of
 * queues. A program is loaded at once and waits for its orders, so that the next one can stand by while the last one runs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { built } from '../programs/build.ts'

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

/** Starts a program, such as `crash/load.ts`, and gives it its orders. */
export async function launch(
  program: string,
  orders: unknown,
  options: LaunchOptions = {},
): Promise<Program> {
  return start(await built(`test/${program}`), options).begin(orders)
}

/** Starts what was built; it waits for its orders. */
function start(path: string, { under = [], hear = () => {} }: LaunchOptions): Program {
  const [command, ...args] = [...under, process.execPath, path]
  return new Program(
    spawn(command ?? process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe', 'pipe'] }),
    hear,
  )
}

/** One program after the other, the next always loaded already. */
export class Succession implements AsyncDisposable {
  readonly #path: string
  readonly #options: LaunchOptions
  #next: Program
  #current: Program | undefined

  static async of(program: string, options: LaunchOptions = {}): Promise<Succession> {
    return new Succession(await built(`test/${program}`), options)
  }

  private constructor(path: string, options: LaunchOptions) {
    this.#path = path
    this.#options = options
    this.#next = start(path, options)
  }

  /** The next program begins. */
  begin(orders: unknown): Program {
    const program = this.#next
    this.#current = program
    this.#next = start(this.#path, this.#options)
    return program.begin(orders)
  }

  /** Ends the one that stands by, and the last one should it still run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#next.kill(), this.#current?.kill()])
  }
}
