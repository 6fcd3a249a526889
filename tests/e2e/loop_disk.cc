#include "tests/e2e/loop_disk.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include "tests/client/store_under_test.h"
#include "tests/e2e/process.h"

namespace dolium::e2e {
namespace {

Finished shell(const std::string& line) {
  return run_to_end({"/bin/sh", "-c", "PATH=/usr/sbin:/sbin:/usr/bin:/bin; { " + line + "; } 2>&1"});
}

void must(const std::string& line) {
  const Finished done = shell(line);
  INFO(line << ": " << done.output);
  REQUIRE(done.how == "exit 0");
}

}  // namespace

LoopDisk::LoopDisk(std::uint64_t bytes) {
  if (::geteuid() != 0) {
    problem_ = "only root can mount a file system";
    return;
  }
  std::filesystem::create_directory(home_.path() / "mount");
  const std::string file = home_.path() / "image";
  const Finished made =
      shell("truncate -s " + std::to_string(bytes) + ' ' + file +
            " && mkfs.ext4 -q -m 0 -E lazy_itable_init=0,nodiscard " + file + " && losetup --find --show " + file);
  if (made.how != "exit 0") {
    problem_ = "no loop device: " + made.output;
    return;
  }
  device_ = made.output.substr(0, made.output.find('\n'));
  const Finished done = shell("mount -o errors=remount-ro " + device_ + ' ' + (home_.path() / "mount").string());
  mounted_ = done.how == "exit 0";
  if (!mounted_) problem_ = "mount: " + done.output;
}

LoopDisk::~LoopDisk() {
  if (mounted_) CHECK(shell("umount " + device_).how == "exit 0");
  if (!device_.empty()) CHECK(shell("losetup -d " + device_).how == "exit 0");
}

std::string LoopDisk::make_directory(const std::string& name) const {
  const std::string path = home_.path() / "mount" / name;
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  return path;
}

std::string LoopDisk::grow(std::uint64_t bytes) {
  must("truncate -s " + std::to_string(bytes) + ' ' + (home_.path() / "image").string());
  must("losetup -c " + device_);
  const Finished resized = shell("resize2fs " + device_);  // needs CAP_SYS_RESOURCE
  return resized.how == "exit 0" ? std::string() : resized.output;
}

void LoopDisk::fail() {
  must("echo test > /sys/fs/ext4/" + device_.substr(device_.rfind('/') + 1) + "/trigger_fs_error");
}

bool LoopDisk::is_read_only() const {
  const std::string file = home_.path() / "mount" / "touched";
  return shell("touch " + file).how != "exit 0";
}

bool LoopDisk::remount(bool read_only) {
  const std::string options = read_only ? "remount,ro " : "remount,rw ";
  return shell("mount -o " + options + (home_.path() / "mount").string()).how == "exit 0";
}

void LoopDisk::repair() {
  must("umount " + device_);
  mounted_ = false;
  must("fsck.ext4 -fy " + device_ + "; [ $? -le 1 ]");
  must("mount -o errors=remount-ro " + device_ + ' ' + (home_.path() / "mount").string());
  mounted_ = true;
}

}  // namespace dolium::e2e
