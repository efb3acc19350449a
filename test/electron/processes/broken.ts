/** @file An engine's process that cannot start. */
throw new Error('a library is missing');
