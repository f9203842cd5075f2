/** Progress of long work: rewritten lines on a terminal, plain lines elsewhere. */
import { createLogUpdate } from 'log-update';
import pc from 'picocolors';

/** Shows work that is under way. */
export interface Progress {
  /** Starts an item. @param note such as how long it takes. */
  begin(name: string, note: string): ProgressItem;
  /** Prints a permanent line. */
  note(line: string): void;
}

/** One piece of work. */
export interface ProgressItem {
  /** Replaces the note, from the next tick on. */
  update(note: string): void;
  done(): void;
  failed(): void;
}

/** Runs work and shows it until it is done or has failed. @throws what the work throws. */
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

/** Progress on a stream: rewritten in place on a terminal, else {@link lineProgress}. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? terminalProgress(stream) : lineProgress((line) => stream.write(`${line}\n`));
}

/** Prints a line at the start, every 15 s, and at the end. */
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
  // Hiding the cursor would install signal handlers that exit before the process has cleaned up.
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
