import { basename } from 'node:path';

/** What to type to call the program as it was called. */
export const PROGRAM_NAME = programNameOf(process.argv[1] ?? '', process.env);

/**
 * `certman`; `kubectl certman` as a plugin of kubectl or oc; `npx certman` in a checkout, where `certman` is not on the PATH.
 * @param script the file that was started: bin/kubectl-certman.js, or a link to it.
 */
export function programNameOf(script: string, environment: Readonly<NodeJS.ProcessEnv>): string {
  if (/^kubectl-certman(\.\w+)?$/.test(basename(script))) return 'kubectl certman';
  return isCalledByNpx(environment) ? 'npx certman' : 'certman';
}

/** npx leaves its variables to all that the program starts, such as a shell: the second names the program. */
function isCalledByNpx({ npm_lifecycle_event, npm_lifecycle_script = '' }: Readonly<NodeJS.ProcessEnv>): boolean {
  return npm_lifecycle_event === 'npx' && /^['"]?certman\b(?!-)/.test(npm_lifecycle_script);
}

/** A command to type, as the program was called. @param args such as `status ns/demo`. */
export function commandLine(args: string): string {
  return `${PROGRAM_NAME} ${args}`;
}
