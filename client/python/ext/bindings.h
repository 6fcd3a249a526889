#pragma once
// The parts of the module without a type of their own. Each adds its functions.

#include "python.h"

namespace dolium::python {

void bind_store_calls(py::module_& module);
void bind_opening(py::module_& module);
void bind_reports(py::module_& module);
void bind_subscription(py::module_& module);
void bind_async_calls(py::module_& module);
void bind_dlpack(py::module_& module);

}  // namespace dolium::python
