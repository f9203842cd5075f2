import { basename } from 'node:path';

/** How the program was called: `certman`, or `kubectl certman` as a plugin of kubectl or oc. */
export const PROGRAM_NAME = programNameOf(process.argv[1] ?? '');

/** @param script the file that was started: bin/kubectl-certman.js, or a link to it. */
export function programNameOf(script: string): string {
  return /^kubectl-certman(\.\w+)?$/.test(basename(script)) ? 'kubectl certman' : 'certman';
}

/** A command to type, as the program was called. @param args such as `status ns/demo`. */
export function commandLine(args: string): string {
  return `${PROGRAM_NAME} ${args}`;
}
