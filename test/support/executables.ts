/** Where the local parts' executables are: found, or built by the first test that needs them. */
import { executable } from '../../local/build/executables.ts';

/** The Temporal CLI, whose development server it is. */
export async function temporalExecutable(): Promise<string> {
  return await executable('temporal');
}

/** For `TestWorkflowEnvironment.createTimeSkipping`. */
export async function timeSkippingServerExecutable(): Promise<string> {
  return await executable('temporal-test-server');
}

export async function pebbleExecutable(): Promise<string> {
  return await executable('pebble');
}

/** `moto_server` */
export async function motoExecutable(): Promise<string> {
  return await executable('moto');
}

export async function coreDnsExecutable(): Promise<string> {
  return await executable('coredns');
}
