/** How a watched status is shown: redrawn in place on a terminal, else a line or a document for each change. */

import { createLogUpdate } from 'log-update';
import { counted } from '../../failures/counted.ts';
import { formatOutput, note, type OutputOptions, print, styled } from '../output.ts';
import type { WatchView } from './watch.ts';

/** A view, and what ends it. */
export interface EndingView<Report> extends WatchView<Report> {
  /** Leaves the last state on the terminal. */
  end(): void;
}

/** Redraws what {@link formatReport} writes, as much as the terminal has room for. */
export function redrawn<Report>(
  formatReport: (report: Report) => string,
  terminal: NodeJS.WriteStream = process.stdout,
): EndingView<Report> {
  const update = createLogUpdate(terminal);
  return {
    show: (report, problem) => {
      const head = `${instant(new Date())}${problem === undefined ? '' : `  ${problem} This is what was known before; it is read again.`}`;
      const lines = [head, '', ...formatReport(report).split('\n')];
      update(styled(fitted(lines, terminal.columns, terminal.rows).join('\n')));
    },
    end: () => update.done(),
  };
}

/** Lines that fit: the last one says how many are left out. The most urgent clusters come first. */
export function fitted(lines: readonly string[], columns = 80, rows = 24): readonly string[] {
  // The cursor is in the line below.
  const room = Math.max(1, rows - 1);
  const cut = lines.map((line) => (line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`));
  if (cut.length <= room) return cut;
  const left = cut.length - (room - 1);
  return [...cut.slice(0, room - 1), `… and ${counted(left, 'more line')}`];
}

/** The whole report, whenever it has changed. A YAML document begins with `---`; JSON is a line. */
export function reportStream<Report>(options: OutputOptions, asText: (report: Report) => string): EndingView<Report> {
  let before = '';
  const noteProblem = problemNotes();
  return {
    show: async (report, problem) => {
      noteProblem(problem);
      const present = JSON.stringify(report);
      if (present === before) return;
      const text = await formatOutput(options, report, asText);
      print(before === '' || options.json === true || options.output === 'json' ? text : `---\n${text}`);
      before = present;
    },
    end: () => undefined,
  };
}

/** Notes each problem once, to stderr. */
export function problemNotes(): (problem: string | undefined) => void {
  let noted: string | undefined;
  return (problem) => {
    if (problem !== noted) note(problem ?? 'It is read again.');
    noted = problem;
  };
}

/** `2027-01-01T12:00:00Z` */
export function instant(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}
