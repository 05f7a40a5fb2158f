/**
 * Recognises the small compiles by which configure, CMake, Meson and Python's distutils find out what a compiler can do. They
 * are made of one tiny file each and wait for their answer: nothing is gained by sending them.
 *
 * @module
 */

const sources = /^(?:conftest[0-9]*\.|_configtest\.|CMake(?:C|CXX)CompilerId\.|CMake(?:C|CXX)CompilerABI\.)/;
const directories = /\/(?:CMakeFiles\/(?:CMakeTmp|CMakeScratch|TryCompile-[^/]*|[0-9.]+\/CompilerId(?:C|CXX))|meson-private)(?:\/|$)/;

/**
 * @param cwd working directory
 * @param sources source paths as the command names them
 */
export const isProbe = (cwd: string, paths: readonly string[]): boolean =>
  directories.test(`${cwd}/`) || paths.some(path => sources.test(path.slice(path.lastIndexOf('/') + 1)) || directories.test(path));
