/** What a person sees of work that takes a while: lines that a terminal rewrites, plain lines elsewhere. */
import { createLogUpdate } from 'log-update';
import pc from 'picocolors';

export interface Progress {
  /** Begins a piece of work. @param note what else is worth knowing, such as how long it takes. */
  begin(name: string, note: string): ProgressItem;
  /** A line that stays. */
  note(line: string): void;
}

export interface ProgressItem {
  /** Another note, shown at the next tick. */
  update(note: string): void;
  done(): void;
  failed(): void;
}

/** Shows work from its beginning to its end. @throws what the work throws. */
export async function withProgress<T>(
  progress: Progress,
  name: string,
  note: string,
  work: (item: ProgressItem) => Promise<T>,
): Promise<T> {
  const item = progress.begin(name, note);
  try {
    const result = await work(item);
    item.done();
    return result;
  } catch (error) {
    item.failed();
    throw error;
  }
}

const TICK_INTERVAL_MS = 15_000;
const REDRAW_INTERVAL_MS = 200;

/** Progress on a stream: in place on a terminal, else {@link lineProgress}. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? terminalProgress(stream) : lineProgress((line) => stream.write(`${line}\n`));
}

/** A line at the beginning, every 15 s, and at the end. */
export function lineProgress(write: (line: string) => void, tickMs = TICK_INTERVAL_MS): Progress {
  return {
    note: write,
    begin: (name, begun) => {
      const start = performance.now();
      let note = begun;
      write(`${name}: ${note}`);
      const ticks = setInterval(() => write(`${name}: ${elapsed(start)}, ${note}`), tickMs).unref();
      const end = (word: string): void => {
        clearInterval(ticks);
        write(`${name}: ${word} after ${elapsed(start)}`);
      };
      return { update: (next) => (note = next), done: () => end('done'), failed: () => end('failed') };
    },
  };
}

function terminalProgress(stream: NodeJS.WriteStream): Progress {
  // Hiding the cursor would install handlers of signals that end the process before its own clean-up.
  const log = createLogUpdate(stream, { showCursor: true });
  const rows = new Set<() => string>();
  let redraw: NodeJS.Timeout | undefined;
  const draw = (): void => log([...rows].map((row) => row().slice(0, stream.columns - 1)).join('\n'));
  const above = (line: string): void => {
    log.clear();
    stream.write(`${line}\n`);
    if (rows.size > 0) draw();
  };
  return {
    note: above,
    begin: (name, begun) => {
      const start = performance.now();
      let note = begun;
      const row = (): string => `… ${name} ${elapsed(start)} (${note})`;
      rows.add(row);
      redraw ??= setInterval(draw, REDRAW_INTERVAL_MS).unref();
      draw();
      const end = (mark: string): void => {
        rows.delete(row);
        if (rows.size === 0) {
          clearInterval(redraw);
          redraw = undefined;
        }
        above(`${mark} ${name} ${pc.dim(elapsed(start))}`);
      };
      return {
        update: (next) => (note = next),
        done: () => end(pc.green('✓')),
        failed: () => end(pc.red('✗')),
      };
    },
  };
}

function elapsed(start: number): string {
  const seconds = (performance.now() - start) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
