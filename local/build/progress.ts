/** What a person sees of work that takes minutes: a line per piece, alive on a terminal, a tick now and then in a log. */

export interface Progress {
  /** Begins a piece of work. @param note what else is worth knowing, such as how long it may take. */
  begin(name: string, note: string): Piece;
}

export interface Piece {
  done(): void;
  failed(): void;
}

const TICK_MS = 15_000;
const REDRAW_MS = 1_000;

/** Lines on a stream; on a terminal, a block of them that counts the seconds. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? terminalProgress(stream) : lineProgress((line) => stream.write(`${line}\n`));
}

/** A line at the beginning, every 15 s, and at the end. */
export function lineProgress(write: (line: string) => void, tickMs = TICK_MS): Progress {
  return {
    begin: (name, note) => {
      const begun = performance.now();
      write(`${name}: ${note}`);
      const ticks = setInterval(() => write(`${name}: still at it, ${elapsed(begun)}`), tickMs).unref();
      const end = (word: string): void => {
        clearInterval(ticks);
        write(`${name}: ${word} after ${elapsed(begun)}`);
      };
      return { done: () => end('done'), failed: () => end('failed') };
    },
  };
}

function terminalProgress(stream: NodeJS.WriteStream): Progress {
  const rows = new Set<() => string>();
  let drawn = 0;
  let redraw: NodeJS.Timeout | undefined;
  const draw = (finished = ''): void => {
    const up = drawn === 0 ? '' : `\u001B[${drawn}A\u001B[J`;
    const lines = [...rows].map((row) => `${row().slice(0, stream.columns - 1)}\n`);
    stream.write(`${up}${finished}${lines.join('')}`);
    drawn = lines.length;
  };
  return {
    begin: (name, note) => {
      const begun = performance.now();
      const row = (): string => `… ${name} ${elapsed(begun)} (${note})`;
      rows.add(row);
      redraw ??= setInterval(() => draw(), REDRAW_MS).unref();
      draw();
      const end = (mark: string): void => {
        rows.delete(row);
        draw(`${mark} ${name} ${elapsed(begun)}\n`);
        if (rows.size > 0) return;
        clearInterval(redraw);
        redraw = undefined;
      };
      return { done: () => end('✓'), failed: () => end('✗') };
    },
  };
}

function elapsed(begun: number): string {
  const seconds = Math.round((performance.now() - begun) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
